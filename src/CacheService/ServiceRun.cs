using CacheService.Feed;

namespace CacheService;

/// <summary>Runs the service to its end.</summary>
internal static class ServiceRun
{
    /// <summary>Runs it until it is stopped or fails.</summary>
    /// <returns>Why it failed, in lines; null if it was stopped.</returns>
    public static async Task<IEnumerable<string>?> RunAsync(WebApplication app)
    {
        // Taken before it runs: afterwards it is disposed.
        var startFailure = app.Services.GetRequiredService<StartFailure>();
        var services = app.Services.GetServices<IHostedService>().ToList();
        var stopping = app.Lifetime.ApplicationStopping;
        try
        {
            await app.RunAsync();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Stopped while it was starting, or a part of it took too long to stop.
        }

        return startFailure.Reason is { } reason ? [reason] : StartErrors.DescribeFailed(services);
    }
}
