using CacheService;
using CacheService.Settings;

if (args.Contains("--help") || args.Contains("-h"))
{
    Console.WriteLine(SettingsHelp.Text);
    return 0;
}

try
{
    await using var app = ServiceApp.Build(args);
    return await RunAsync(app) is { } reason ? Fail(reason) : 0;
}
catch (Exception e)
{
    // An error that nobody foresaw: its trace is wanted.
    return Fail(StartErrors.Describe(e) ?? [$"The service failed: {e.Message.ReplaceLineEndings(" ")}", e.ToString()]);
}

static async Task<IEnumerable<string>?> RunAsync(WebApplication app)
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
        // Stopped while it was starting, or a service took too long to stop.
    }

    return startFailure.Reason is { } reason ? [reason] : StartErrors.DescribeFailed(services);
}

static int Fail(IEnumerable<string> lines)
{
    foreach (var line in lines)
    {
        Console.Error.WriteLine(line);
    }

    return 1;
}
