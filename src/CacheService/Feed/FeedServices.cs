using CacheService.Settings;

namespace CacheService.Feed;

/// <summary>Registers the feed.</summary>
internal static class FeedServices
{
    /// <summary>Adds the feed and its status; not what it reads the database with.</summary>
    public static void AddFeed(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<FeedOptions, FeedOptionsValidator>(builder.Configuration, FeedOptions.Section);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<StartFailure>();
        builder.Services.AddSingleton<WakeSignal>();
        builder.Services.AddSingleton<DrainRequests>();
        builder.Services.AddSingleton<FeedProgress>();
        builder.Services.AddSingleton<FeedStatus>();
        builder.Services.AddSingleton<SnapshotPin>();
        builder.Services.AddSingleton<Repairs>();
        builder.Services.AddSingleton<Drainer>();
        builder.Services.AddSingleton<DrainLoop>();
        builder.Services.AddSingleton<Hearing>();
        builder.Services.AddSingleton<NotificationQueue>();
        builder.Services.AddSingleton<BaselineGate>();
        builder.Services.AddSingleton<Synchronizer>();
        builder.Services.AddSingleton<SessionWatch>();
        builder.Services.AddSingleton<SessionFollower>();
        builder.Services.AddSingleton<LeaseKeeper>();
        builder.Services.AddSingleton<CacheList>();
        builder.Services.AddSingleton<CountsFeed>();
        builder.Services.AddHostedService<StalenessMonitor>();
    }
}
