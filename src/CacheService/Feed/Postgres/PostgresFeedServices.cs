namespace CacheService.Feed.Postgres;

/// <summary>Registers what the feed reads PostgreSQL with.</summary>
internal static class PostgresFeedServices
{
    /// <summary>Adds the sessions, the books, the loads and the care of the change log.</summary>
    public static void AddPostgresFeed(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IFeedSessions, FeedSessions>();
        builder.Services.AddSingleton<LogSwitch>();
        builder.Services.AddSingleton<IConsumerBook, ConsumerBook>();
        builder.Services.AddSingleton<ICacheLister>(services => services.GetRequiredService<IConsumerBook>());
        builder.Services.AddSingleton<DaysLoader>();
        builder.Services.AddSingleton<ICountsLoader, CountsLoader>();
        builder.Services.AddSingleton<IChangeLogCare, ChangeLogCare>();
    }
}
