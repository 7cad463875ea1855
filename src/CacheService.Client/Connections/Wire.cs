using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.Client.Connections;

/// <summary>Turns the messages of the API into the library's types, and back.</summary>
internal static class Wire
{
    private const string DayFormat = "yyyy-MM-dd";

    public static MessageCounts Of(Counts counts) => new(counts.MessageId, counts.Retweets, counts.Likes, counts.Revision);

    public static MessageCounts[] Of(IReadOnlyList<Counts> counts)
    {
        var result = new MessageCounts[counts.Count];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = Of(counts[i]);
        }

        return result;
    }

    public static Freshness Of(TweetCounts.V1.Freshness? freshness) => freshness is null
        ? new Freshness("", 0, null, FeedState.Unknown)
        : new Freshness(freshness.Epoch, freshness.Revision, freshness.Age?.ToTimeSpan(), Of(freshness.State))
        {
            Source = freshness.Source == TweetCounts.V1.ReadSource.Database ? ReadSource.Database : ReadSource.Cache,
        };

    public static FeedState Of(TweetCounts.V1.FeedState state) => state switch
    {
        TweetCounts.V1.FeedState.Starting => FeedState.Starting,
        TweetCounts.V1.FeedState.Syncing => FeedState.Syncing,
        TweetCounts.V1.FeedState.Live => FeedState.Live,
        TweetCounts.V1.FeedState.Stale => FeedState.Stale,
        _ => FeedState.Unknown,
    };

    public static ServiceStatus Of(GetStatusResponse status) => new()
    {
        State = Of(status.State),
        Detail = status.Detail,
        Epoch = status.Epoch,
        Revision = status.Revision,
        Age = status.Age?.ToTimeSpan(),
        Snapshot = status.Snapshot,
        Messages = status.Messages,
        Watchers = status.Watchers,
        Drains = status.Drains,
        Bells = status.Bells,
        NotificationsWorking = status.NotificationsWorking,
        Ringer = status.Ringer,
        NotificationQueueUsage = status.NotificationQueueUsage,
        ServerVersion = status.ServerVersion,
        Uptime = status.Uptime?.ToTimeSpan(),
        Audits = status.Audits,
        AuditDifferences = status.AuditDifferences,
        LastAuditAt = status.LastAuditAt?.ToDateTimeOffset(),
        LastAuditDuration = status.LastAuditDuration?.ToTimeSpan(),
        RollupAge = status.RollupAge?.ToTimeSpan(),
        RollupDetail = status.RollupDetail,
        Days = status.Days,
        DayTimeZone = status.DayTimeZone,
    };

    public static HistorySample Of(TweetCounts.V1.HistorySample sample) => new()
    {
        At = sample.At?.ToDateTimeOffset() ?? default,
        Length = sample.Length?.ToTimeSpan() ?? TimeSpan.Zero,
        Reads = sample.Reads,
        Drains = sample.Drains,
        Changes = sample.Changes,
        Age = sample.Age?.ToTimeSpan(),
        Watchers = sample.Watchers,
        State = Of(sample.State),
    };

    public static RegisteredCache Of(Cache cache) => new(cache.Name, cache.Self, cache.Loaded, cache.Heard?.ToTimeSpan() ?? TimeSpan.Zero)
    {
        Publishes = cache.Publishes,
        Follows = cache.Follows,
        Age = cache.Age?.ToTimeSpan(),
    };

    public static AuditAnswer Of(AuditNowResponse audit) => new()
    {
        Messages = audit.Messages,
        Differences = audit.Differences,
        Repaired = audit.Repaired,
        FirstDifferences = [.. audit.FirstDifferences.Select(difference => new AuditDifference(difference.MessageId, Of(difference.Expected), Of(difference.Actual)))],
        Duration = audit.Duration?.ToTimeSpan() ?? TimeSpan.Zero,
        TriggersWarning = audit.TriggersWarning,
        Uncompared = audit.Uncompared,
        FirstUncompared = [.. audit.FirstUncompared],
        Days = audit.Days,
        DayDifferences = audit.DayDifferences,
        DaysUncompared = audit.DaysUncompared,
        Freshness = Of(audit.Freshness),
    };

    public static ReloadAnswer Of(ReloadNowResponse reload) => new(reload.Messages, reload.Duration?.ToTimeSpan() ?? TimeSpan.Zero, Of(reload.Freshness));

    public static DayCounts Of(DailyCounts day) =>
        new(DateOnly.ParseExact(day.Day, DayFormat, CultureInfo.InvariantCulture), day.Retweets, day.UndoneRetweets, day.Likes, day.UndoneLikes);

    public static string To(DateOnly? day) => day?.ToString(DayFormat, CultureInfo.InvariantCulture) ?? "";

    public static TweetMessage Of(GetMessageResponse message) => new(
        message.MessageId, message.Author, message.Text, message.PostedAt?.ToDateTimeOffset(), Of(message.Counts ?? new Counts()), Of(message.Freshness));

    private static AuditedCounts? Of(TweetCounts.V1.AuditedCounts? counts) => counts is null ? null : new AuditedCounts(counts.Retweets, counts.Likes);

    public static ReadOptions? To(ReadRequirement? requirement)
    {
        ReadOptions? options = requirement switch
        {
            ReadRequirement.StrongRead => new ReadOptions { Strong = true },
            ReadRequirement.MaxAgeRead read => new ReadOptions { MaxAge = read.Age.ToDuration() },
            ReadRequirement.AtLeastXidRead read => new ReadOptions { AtLeastXid = read.TransactionId },
            _ => null,
        };
        if (requirement?.GoesRoundTheCache == true)
        {
            options!.Source = TweetCounts.V1.ReadSource.Database;
        }

        return options;
    }

    public static TweetCounts.V1.TopOrder To(TopOrder order) => order switch
    {
        TopOrder.Retweets => TweetCounts.V1.TopOrder.Retweets,
        TopOrder.Likes => TweetCounts.V1.TopOrder.Likes,
        _ => TweetCounts.V1.TopOrder.Total,
    };
}
