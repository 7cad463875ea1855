using CacheService.Auditing;
using CacheService.Counts;
using CacheService.Feed;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Grpc;

/// <summary>Says in the API's messages what the store and the feed say.</summary>
internal sealed class Replies(FeedStatus status)
{
    public Freshness Freshness(CountsVersion version) => new()
    {
        Epoch = version.Epoch,
        Revision = version.Revision,
        Age = Duration.FromTimeSpan(status.AgeOf(version)),
        State = State(status.ConditionOf(version).State),
    };

    public static TweetCounts.V1.Counts Counts(CountedMessage message) => Counts(message.MessageId, message.Counts);

    public static TweetCounts.V1.Counts Counts(long messageId, MessageCounts counts) => new()
    {
        MessageId = messageId,
        Retweets = counts.Retweets,
        Likes = counts.Likes,
        Revision = counts.Revision,
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

    public static TweetCounts.V1.FeedState State(Feed.FeedState state) => state switch
    {
        Feed.FeedState.Starting => TweetCounts.V1.FeedState.Starting,
        Feed.FeedState.Syncing => TweetCounts.V1.FeedState.Syncing,
        Feed.FeedState.Live => TweetCounts.V1.FeedState.Live,
        _ => TweetCounts.V1.FeedState.Stale,
    };

    /// <summary>The error of a read before the first load.</summary>
    public RpcException NotLoaded() => new(new Status(StatusCode.Unavailable, $"{status.Condition.Detail}; try again in a moment"));

    public static RpcException NoSuchMessage(long messageId) => new(new Status(StatusCode.NotFound, $"there is no message {messageId}"));

    private static TweetCounts.V1.AuditDifference Difference(Auditing.AuditDifference difference) => new()
    {
        MessageId = difference.MessageId,
        Expected = Audited(difference.Expected),
        Actual = Audited(difference.Actual),
    };

    private static TweetCounts.V1.AuditedCounts? Audited(Auditing.AuditedCounts? counts) =>
        counts is { } known ? new TweetCounts.V1.AuditedCounts { Retweets = known.Retweets, Likes = known.Likes } : null;
}
