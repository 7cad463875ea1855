using CacheService.Counts;
using CacheService.Feed;
using Microsoft.Extensions.Options;

namespace CacheService.Tests.Feed;

/// <summary>A feed's status, put together without a database.</summary>
internal static class FeedParts
{
    /// <summary>The status of a feed that is LIVE.</summary>
    public static FeedStatus Live(TimeProvider time)
    {
        var store = new CountsStore(1);
        var options = Options.Create(new FeedOptions());
        var wake = new WakeSignal();
        var progress = new FeedProgress(store, time);
        var queue = new NotificationQueue();
        var loop = new DrainLoop(new Drainer(store, new Repairs(), new DrainRequests(wake), progress, time), progress, wake, queue, options, time);
        progress.BecomeLive();
        return new FeedStatus(store, progress, loop, new Hearing(wake, loop), queue, options, time);
    }
}
