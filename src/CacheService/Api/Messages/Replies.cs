using System.Globalization;
using CacheService.Auditing;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using CacheService.Reloading;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.Api.Messages;

/// <summary>Says in the API's messages what the store and the feed say.</summary>
internal sealed class Replies(FeedStatus status)
{
    public Freshness Freshness(CountsVersion version) => new()
    {
        Epoch = version.Epoch,
        Revision = version.Revision,
        Age = Duration.FromTimeSpan(status.AgeOf(version)),
        State = FeedStates.Of(status.ConditionOf(version).State),
    };

    public static TweetCounts.V1.Counts Counts(CountedMessage message) => Counts(message.MessageId, message.Counts);

    public static TweetCounts.V1.Counts Counts(long messageId, MessageCounts counts) => new()
    {
        MessageId = messageId,
        Retweets = counts.Retweets,
        Likes = counts.Likes,
        Revision = counts.Revision,
    };

    public GetCountsResponse One(in CountsReading reading) => new() { Counts = Counts(reading.MessageId, reading.Counts), Freshness = Freshness(reading.Version) };

    public BatchGetCountsResponse Batch(in BatchReading reading)
    {
        var response = new BatchGetCountsResponse { Freshness = Freshness(reading.Version) };
        for (var i = 0; i < reading.MessageIds.Length; i++)
        {
            if (reading.Counts[i] is { } counts)
            {
                response.Counts.Add(Counts(reading.MessageIds[i], counts));
            }
            else
            {
                response.MissingMessageIds.Add(reading.MessageIds[i]);
            }
        }

        return response;
    }

    public ListTopCountsResponse Top(TopList top) => new() { Counts = { top.Messages.Select(Counts) }, Freshness = Freshness(top.Version) };

    public GetMessageResponse Message(MessageReading message)
    {
        var response = Message(message.MessageId, message.Text, message.Counts);
        response.Freshness = Freshness(message.Version);
        return response;
    }

    public GetMessageResponse Message(long messageId, MessageText text, DatabaseReading reading)
    {
        var message = Message(messageId, text, reading.Counts[messageId]);
        message.Freshness = Freshness(reading);
        return message;
    }

    public GetCountsResponse One(DatabaseReading reading)
    {
        var messageId = reading.MessageIds[0];
        return new GetCountsResponse { Counts = Counts(messageId, reading.Counts[messageId]), Freshness = Freshness(reading) };
    }

    public BatchGetCountsResponse Batch(DatabaseReading reading)
    {
        var response = new BatchGetCountsResponse { Freshness = Freshness(reading) };
        foreach (var messageId in reading.MessageIds)
        {
            if (reading.Counts.TryGetValue(messageId, out var counts))
            {
                response.Counts.Add(Counts(messageId, counts));
            }
            else
            {
                response.MissingMessageIds.Add(messageId);
            }
        }

        return response;
    }

    public ListDailyCountsResponse Days(DaysReading reading) => new()
    {
        Days = { reading.Days.Select(Day) },
        TimeZone = reading.TimeZone,
        Freshness = Freshness(reading.Version),
    };

    public static GetHistoryResponse History(IEnumerable<History.HistorySample> samples) => new() { Samples = { samples.Select(Sample) } };

    public ListCachesResponse Caches(IEnumerable<CacheEntry> caches) => new() { Caches = { caches.Select(Cache) } };

    public ReloadNowResponse Reload(ReloadResult result) => new()
    {
        Messages = result.Version.Messages,
        Duration = Duration.FromTimeSpan(result.Duration),
        Freshness = Freshness(result.Version),
    };

    public AuditNowResponse Audit(AuditResult result) => new()
    {
        Messages = result.Messages,
        Differences = result.Differences,
        Repaired = result.Repaired,
        FirstDifferences = { result.FirstDifferences.Select(Difference) },
        Duration = Duration.FromTimeSpan(result.Duration),
        TriggersWarning = result.TriggersWarning,
        Uncompared = result.Uncompared,
        FirstUncompared = { result.FirstUncompared },
        Days = result.Days,
        DayDifferences = result.DayDifferences,
        DaysUncompared = result.DaysUncompared,
        Freshness = Freshness(result.Version),
    };

    private Freshness Freshness(DatabaseReading reading) => new()
    {
        Age = Duration.FromTimeSpan(status.AgeOf(reading.TakenAt)),
        State = FeedStates.Of(status.Condition.State),
        Source = ReadSource.Database,
    };

    private static GetMessageResponse Message(long messageId, MessageText text, MessageCounts counts) => new()
    {
        MessageId = messageId,
        Author = text.Author,
        Text = text.Text,
        PostedAt = text.PostedAt is { } microseconds ? Timestamp.FromDateTime(DateTime.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond)) : null,
        Counts = Counts(messageId, counts),
    };

    private static TweetCounts.V1.DailyCounts Day(DayCounts day) => new()
    {
        Day = day.Day.ToString("O", CultureInfo.InvariantCulture),
        Retweets = day.Retweets,
        UndoneRetweets = day.UndoneRetweets,
        Likes = day.Likes,
        UndoneLikes = day.UndoneLikes,
    };

    private static TweetCounts.V1.HistorySample Sample(History.HistorySample sample) => new()
    {
        At = Timestamp.FromDateTimeOffset(sample.At),
        Length = Duration.FromTimeSpan(sample.Length),
        Reads = sample.Reads,
        Drains = sample.Drains,
        Changes = sample.Changes,
        Age = sample.Age is { } age ? Duration.FromTimeSpan(age) : null,
        Watchers = sample.Watchers,
        State = FeedStates.Of(sample.State),
    };

    private Cache Cache(CacheEntry entry) => new()
    {
        Name = entry.Name,
        Self = IsSelf(entry),
        Loaded = entry.IsLoaded,
        Heard = Duration.FromTimeSpan(entry.Heard),
        Publishes = entry.Publishes || (IsSelf(entry) && status.IsPublishing),
        Follows = entry.Follows,
        Age = entry.Age is { } age ? Duration.FromTimeSpan(age) : null,
    };

    private bool IsSelf(CacheEntry entry) => entry.IsSelf || entry.Name == status.Consumer;

    private static TweetCounts.V1.AuditDifference Difference(Auditing.AuditDifference difference) => new()
    {
        MessageId = difference.MessageId,
        Expected = Audited(difference.Expected),
        Actual = Audited(difference.Actual),
    };

    private static TweetCounts.V1.AuditedCounts? Audited(Auditing.AuditedCounts? counts) =>
        counts is { } known ? new TweetCounts.V1.AuditedCounts { Retweets = known.Retweets, Likes = known.Likes } : null;
}
