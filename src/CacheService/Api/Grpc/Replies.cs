using CacheService.Api.Grpc.Serialization;
using CacheService.Auditing;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.Api.Grpc;

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

    public GetMessageResponse Message(MessageReading message) => new()
    {
        MessageId = message.MessageId,
        Author = message.Text.Author,
        Text = message.Text.Text,
        PostedAt = message.Text.PostedAt is { } microseconds ? Timestamp.FromDateTime(DateTime.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond)) : null,
        Counts = Counts(message.MessageId, message.Counts),
        Freshness = Freshness(message.Version),
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
        Freshness = Freshness(result.Version),
    };

    private static TweetCounts.V1.AuditDifference Difference(Auditing.AuditDifference difference) => new()
    {
        MessageId = difference.MessageId,
        Expected = Audited(difference.Expected),
        Actual = Audited(difference.Actual),
    };

    private static TweetCounts.V1.AuditedCounts? Audited(Auditing.AuditedCounts? counts) =>
        counts is { } known ? new TweetCounts.V1.AuditedCounts { Retweets = known.Retweets, Likes = known.Likes } : null;
}
