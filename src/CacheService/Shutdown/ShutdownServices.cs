using CacheService.Settings;

namespace CacheService.Shutdown;

/// <summary>Registers how the service ends.</summary>
internal static class ShutdownServices
{
    /// <summary>Adds the signals and the drain period.</summary>
    public static void AddShutdown(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<ShutdownOptions, ShutdownOptionsValidator>(builder.Configuration, ShutdownOptions.Section);
        builder.Services.AddSingleton<Ending>();
        builder.Services.AddSingleton<IHostLifetime, SignalLifetime>();
        // A frozen database or a client that holds on must not keep the service from stopping.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(3));
    }
}
