using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Client;

/// <summary>Short ways to write what a server sends.</summary>
internal static class Sent
{
    public static readonly TimeSpan Age = TimeSpan.FromMilliseconds(7);

    /// <summary>A message with freshness alone.</summary>
    public static WatchCountsResponse Progress(string epoch, ulong revision, FeedState state = FeedState.Live) => new()
    {
        Freshness = new Freshness { Epoch = epoch, Revision = revision, Age = Duration.FromTimeSpan(Age), State = state },
    };

    /// <summary>Everything there is, in one message: each message has as many retweets as its id, and the likes.</summary>
    public static WatchCountsResponse Everything(string epoch, ulong revision, params (long MessageId, long Likes)[] messages)
    {
        var message = Progress(epoch, revision).With(messages);
        (message.Reset, message.Synced) = (true, true);
        return message;
    }

    public static WatchCountsResponse With(this WatchCountsResponse message, params (long MessageId, long Likes)[] messages)
    {
        message.Counts.Add(messages.Select(m => new TweetCounts.V1.Counts
        {
            MessageId = m.MessageId,
            Retweets = m.MessageId,
            Likes = m.Likes,
            Revision = message.Freshness.Revision,
        }));
        return message;
    }

    public static WatchCountsResponse Without(this WatchCountsResponse message, params long[] messageIds)
    {
        message.RemovedMessageIds.Add(messageIds);
        return message;
    }

    public static WatchCountsResponse AsReset(this WatchCountsResponse message)
    {
        message.Reset = true;
        return message;
    }

    public static WatchCountsResponse AsSynced(this WatchCountsResponse message)
    {
        message.Synced = true;
        return message;
    }
}
