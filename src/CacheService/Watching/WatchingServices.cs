using CacheService.Settings;

namespace CacheService.Watching;

/// <summary>Registers subscriptions.</summary>
internal static class WatchingServices
{
    /// <summary>Adds the hub.</summary>
    public static void AddWatching(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<SubscriptionOptions, SubscriptionOptionsValidator>(builder.Configuration, SubscriptionOptions.Section);
        builder.Services.AddSingleton<WatchHub>();
    }
}
