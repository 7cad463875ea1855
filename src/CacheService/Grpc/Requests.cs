using CacheService.Feed;
using CacheService.Watching;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Grpc;

/// <summary>Checks what a request says, and reads it. Whatever is wrong ends in INVALID_ARGUMENT with words that say what to send instead.</summary>
internal static class Requests
{
    /// <summary>Ids that no transaction can have: 0 is none, 1 and 2 are PostgreSQL's own.</summary>
    private const ulong FirstNormalXid = 3;

    public static long MessageId(long messageId) =>
        messageId >= 1 ? messageId : throw Invalid($"message_id is {messageId}; ids are 1 or more");

    public static long[] MessageIds(RepeatedField<long> messageIds, int most)
    {
        if (messageIds.Count == 0)
        {
            throw Invalid("message_ids is empty; name at least one message");
        }

        if (messageIds.Count > most)
        {
            throw Invalid($"message_ids has {messageIds.Count} ids; split it into requests of at most {most}");
        }

        var ids = new long[messageIds.Count];
        messageIds.CopyTo(ids, 0);
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] < 1)
            {
                throw Invalid($"message_ids[{i}] is {ids[i]}; ids are 1 or more");
            }
        }

        return ids;
    }

    public static int TopLimit(int limit, int most)
    {
        const int DefaultLimit = 10;
        return limit switch
        {
            0 => Math.Min(DefaultLimit, most),
            < 0 => throw Invalid($"limit is {limit}; ask for 1 to {most} messages"),
            _ when limit > most => throw Invalid($"limit is {limit}; ask for 1 to {most} messages"),
            _ => limit,
        };
    }

    public static Counts.TopOrder TopOrder(TweetCounts.V1.TopOrder order) => order switch
    {
        TweetCounts.V1.TopOrder.Unspecified or TweetCounts.V1.TopOrder.Total => Counts.TopOrder.Total,
        TweetCounts.V1.TopOrder.Retweets => Counts.TopOrder.Retweets,
        TweetCounts.V1.TopOrder.Likes => Counts.TopOrder.Likes,
        _ => throw Invalid($"order_by is {(int)order}; use TOP_ORDER_RETWEETS, TOP_ORDER_LIKES or TOP_ORDER_TOTAL"),
    };

    /// <summary>The requirement of a read; null if there is none.</summary>
    public static ReadRequirement? Requirement(ReadOptions? options) => options?.RequirementCase switch
    {
        null or ReadOptions.RequirementOneofCase.None => null,
        ReadOptions.RequirementOneofCase.MaxAge => new ReadRequirement.MaxAge(MaxAge(options.MaxAge)),
        ReadOptions.RequirementOneofCase.AtLeastXid => options.AtLeastXid >= FirstNormalXid
            ? new ReadRequirement.AtLeastXid(options.AtLeastXid)
            : throw Invalid($"at_least_xid is {options.AtLeastXid}; take it from `select pg_current_xact_id()` within the writing transaction"),
        _ => options.Strong ? new ReadRequirement.Strong() : null,
    };

    /// <summary>The messages of a subscription; null for all of them.</summary>
    public static long[]? WatchedIds(WatchCountsRequest request, int most) => (request.All, request.MessageIds.Count) switch
    {
        (true, 0) => null,
        (true, _) => throw Invalid("message_ids and all are both set; choose one"),
        (false, 0) => throw Invalid("neither message_ids nor all is set; choose one"),
        _ => MessageIds(request.MessageIds, most),
    };

    /// <summary>The pause between messages that a subscriber wants at least.</summary>
    public static TimeSpan MinInterval(Duration? duration) =>
        duration is null ? TimeSpan.Zero : Within(duration, "min_interval", TimeSpan.Zero, TimeSpan.FromMinutes(1));

    /// <summary>How often a subscriber wants a message at least; null for whenever there is something to say.</summary>
    public static TimeSpan? Heartbeat(Duration? duration) =>
        duration is null ? null : Within(duration, "heartbeat", TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1));

    /// <summary>Where a subscription resumes; null: at the beginning.</summary>
    public static ResumePoint? Resume(WatchCountsRequest request) =>
        request.ResumeEpoch.Length == 0 ? null : new ResumePoint(request.ResumeEpoch, request.ResumeRevision);

    private static TimeSpan MaxAge(Duration duration) => Within(duration, "max_age", TimeSpan.Zero, TimeSpan.MaxValue);

    private static TimeSpan Within(Duration duration, string name, TimeSpan least, TimeSpan most)
    {
        // The range of google.protobuf.Duration, of which a sender may send anything.
        const long MaxSeconds = 315_576_000_000;
        if (duration is not { Seconds: >= 0 and <= MaxSeconds, Nanos: >= 0 and <= 999_999_999 } || duration.ToTimeSpan() < least || duration.ToTimeSpan() > most)
        {
            throw Invalid(most == TimeSpan.MaxValue ? $"{name} is not a duration of zero or more" : $"{name} is not a duration from {least:g} to {most:g}");
        }

        return duration.ToTimeSpan();
    }

    private static RpcException Invalid(string what) => new(new Status(StatusCode.InvalidArgument, what));
}
