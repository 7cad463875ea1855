using CacheService.History;
using CacheService.Reading;
using CacheService.Watching;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.Api.Messages;

/// <summary>Says in the terms of reads and subscriptions what a request says. What has no such terms is refused with words that say what to send instead.</summary>
internal static class Requests
{
    public static Counts.TopOrder TopOrder(TweetCounts.V1.TopOrder order) => order switch
    {
        TweetCounts.V1.TopOrder.Unspecified or TweetCounts.V1.TopOrder.Total => Counts.TopOrder.Total,
        TweetCounts.V1.TopOrder.Retweets => Counts.TopOrder.Retweets,
        TweetCounts.V1.TopOrder.Likes => Counts.TopOrder.Likes,
        _ => throw Invalid($"order_by is {(int)order}; use TOP_ORDER_RETWEETS, TOP_ORDER_LIKES or TOP_ORDER_TOTAL"),
    };

    /// <summary>What a read asks for, without the call's deadline and end. The default: nothing, and then nothing need be known of the call.</summary>
    public static ReadTerms Terms(ReadOptions? options)
    {
        var (requirement, fromDatabase) = (Requirement(options), IsFromDatabase(options));
        return requirement is null && !fromDatabase ? default : new ReadTerms(requirement, ReadDeadline.None, CancellationToken.None, fromDatabase);
    }

    /// <summary>The messages of a subscription; null for all of them.</summary>
    public static long[]? WatchedIds(WatchCountsRequest request, int most) => (request.All, request.MessageIds.Count) switch
    {
        (true, 0) => null,
        (true, _) => throw Invalid("message_ids and all are both set; choose one"),
        (false, 0) => throw Invalid("neither message_ids nor all is set; choose one"),
        _ => ReadChecks.MessageIds(request.MessageIds, most),
    };

    /// <summary>The pause between messages that a subscriber wants at least.</summary>
    public static TimeSpan MinInterval(Duration? duration) =>
        duration is null ? TimeSpan.Zero : Within(duration, "min_interval", TimeSpan.Zero, TimeSpan.FromMinutes(1));

    /// <summary>How often a subscriber wants a message at least; null for whenever there is something to say.</summary>
    public static TimeSpan? Heartbeat(Duration? duration) =>
        duration is null ? null : Within(duration, "heartbeat", TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1));

    /// <summary>How far back a history is asked for.</summary>
    public static TimeSpan Span(Duration? duration) => duration is null ? RecentHistory.Kept : Within(duration, "span", TimeSpan.FromMilliseconds(1), RecentHistory.Kept);

    /// <summary>How long a caller waits at most; null: it does not say.</summary>
    public static TimeSpan? Timeout(Duration? duration, TimeSpan most) => duration is null ? null : Within(duration, "timeout", TimeSpan.FromMilliseconds(1), most);

    /// <summary>Where a subscription resumes, and what it must not go back behind; null: at the beginning. Of two epochs the one that was seen is the later one.</summary>
    public static ResumePoint? Resume(WatchCountsRequest request)
    {
        var (epoch, revision) = (request.ResumeEpoch, request.ResumeRevision);
        return request.Seen is { Epoch.Length: > 0 } seen
            ? seen.Epoch == epoch ? new ResumePoint(epoch, revision, Math.Max(revision, seen.Revision)) : new ResumePoint(seen.Epoch, 0, seen.Revision)
            : epoch.Length == 0 ? null : new ResumePoint(epoch, revision, revision);
    }

    private static ReadRequirement? Requirement(ReadOptions? options) => options?.RequirementCase switch
    {
        null or ReadOptions.RequirementOneofCase.None => null,
        ReadOptions.RequirementOneofCase.MaxAge => new ReadRequirement.MaxAge(MaxAge(options.MaxAge)),
        ReadOptions.RequirementOneofCase.AtLeastXid => new ReadRequirement.AtLeastXid(ReadChecks.Xid(options.AtLeastXid)),
        _ => options.Strong ? new ReadRequirement.Strong() : null,
    };

    private static bool IsFromDatabase(ReadOptions? options) => options?.Source switch
    {
        null or ReadSource.Unspecified or ReadSource.Cache => false,
        ReadSource.Database => true,
        _ => throw Invalid($"source is {(int)options.Source}; use READ_SOURCE_CACHE or READ_SOURCE_DATABASE"),
    };

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

    private static ReadRefusedException Invalid(string what) => ReadRefusedException.BadRequest(what);
}
