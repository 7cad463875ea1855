using CacheService.Api.Messages;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.Tests.Api;

/// <summary>What a watcher is told, as the generated message: what both encodings have to say.</summary>
internal static class WatchMessage
{
    public static WatchCountsResponse Of(WatchReply reply)
    {
        var freshness = new Freshness { State = FeedStates.Of(reply.State) };
        if (reply.Told is { } told)
        {
            (freshness.Epoch, freshness.Revision, freshness.Age) = (told.Epoch, told.Revision, Duration.FromTimeSpan(reply.Age));
        }

        return new WatchCountsResponse
        {
            Counts = { reply.Batch.Content.Counts.Select(Replies.Counts) },
            RemovedMessageIds = { reply.Batch.Content.Removed },
            Reset = reply.Batch.IsReset,
            Synced = reply.Batch.IsSynced,
            Coalesced = (ulong)reply.Batch.Coalesced,
            Freshness = freshness,
            Seen = reply.AheadTo is { } ahead ? new WatchPoint { Epoch = ahead.Epoch, Revision = ahead.Revision } : null,
        };
    }
}
