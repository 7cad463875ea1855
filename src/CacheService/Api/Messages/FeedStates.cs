using CacheService.Feed;
using FeedStateMessage = TweetCounts.V1.FeedState;

namespace CacheService.Api.Messages;

/// <summary>The feed's state as the API has it.</summary>
internal static class FeedStates
{
    public static FeedStateMessage Of(FeedState state) => state switch
    {
        FeedState.Starting => FeedStateMessage.Starting,
        FeedState.Syncing => FeedStateMessage.Syncing,
        FeedState.Live => FeedStateMessage.Live,
        _ => FeedStateMessage.Stale,
    };
}
