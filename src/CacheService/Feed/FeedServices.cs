using CacheService.Settings;

namespace CacheService.Feed;

/// <summary>Registers the feed.</summary>
internal static class FeedServices
{
    /// <summary>Adds the feed and its status.</summary>
    public static void AddFeed(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<FeedOptions, FeedOptionsValidator>(builder.Configuration, FeedOptions.Section);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<StartFailure>();
        builder.Services.AddSingleton<WakeSignal>();
        builder.Services.AddSingleton<DrainRequests>();
        builder.Services.AddSingleton<FeedStatus>();
        builder.Services.AddSingleton<SnapshotPin>();
        builder.Services.AddSingleton<Repairs>();
        builder.Services.AddHostedService<CountsFeed>();
        builder.Services.AddHostedService<StalenessMonitor>();
    }
}
