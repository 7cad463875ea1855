using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>What the feed logs.</summary>
internal static partial class FeedLog
{
    [LoggerMessage(EventId = 1001, EventName = "CountsLoaded", Level = LogLevel.Information,
        Message = "Loaded the counts of {Messages} messages in {Seconds:F2} s, at snapshot {Snapshot}: counted all activity, because {Reason}.")]
    public static partial void Loaded(ILogger logger, long messages, double seconds, PgSnapshot snapshot, string reason);

    [LoggerMessage(EventId = 1007, EventName = "CountsLoadedFromRollup", Level = LogLevel.Information,
        Message = "Loaded the counts of {Messages} messages in {Seconds:F2} s, at snapshot {Snapshot}: what was written back, and the changes since.")]
    public static partial void LoadedFromRollup(ILogger logger, long messages, double seconds, PgSnapshot snapshot);

    [LoggerMessage(EventId = 1002, EventName = "Reloading", Level = LogLevel.Warning,
        Message = "Loading all counts afresh, because {Reason}.")]
    public static partial void Reload(ILogger logger, string reason);

    [LoggerMessage(EventId = 1003, EventName = "SessionBroken", Level = LogLevel.Warning,
        Message = "The database cannot be followed: {Reason}. Trying again in {Seconds:F2} s.")]
    public static partial void Broken(ILogger logger, string reason, double seconds);

    [LoggerMessage(EventId = 1004, EventName = "FeedFailed", Level = LogLevel.Error,
        Message = "The feed failed. Trying again in {Seconds:F2} s.")]
    public static partial void Unexpected(ILogger logger, double seconds, Exception exception);

    [LoggerMessage(EventId = 1005, EventName = "NotificationsDoNotArrive", Level = LogLevel.Warning,
        Message = "Notifications do not arrive, as behind a pooler of connections: changes show up to {Milliseconds} ms late. Connect straight to the server.")]
    public static partial void Deaf(ILogger logger, double milliseconds);

    [LoggerMessage(EventId = 1006, EventName = "CountsNotProven", Level = LogLevel.Warning,
        Message = "The counts are not LIVE until this is mended: {Problems}.")]
    public static partial void Problems(ILogger logger, string problems);
}
