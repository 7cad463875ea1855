using CacheService.Api.Watches;
using CacheService.Counts;
using CacheService.Tests.Feed;
using CacheService.Watching;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CacheService.Tests.Watching;

/// <summary>A service that follows chains, one after the other, at its own pace. Thread-safe.</summary>
internal sealed class Follower : IDisposable
{
    private readonly Lock _writing = new();
    private readonly CountsStore _store;
    private readonly WatchHub _hub;
    private readonly IReadOnlyList<RandomChain> _chains;
    private readonly int _maxTombstones;
    private int _chain;

    /// <param name="chains">What it follows.</param>
    /// <param name="maxTombstones">How many messages that went it remembers.</param>
    /// <param name="isWatched">Whether somebody else watches everything here, so that there is a history of changes.</param>
    /// <param name="lifetime">Never ends.</param>
    /// <param name="time">What streams take for the time.</param>
    public Follower(IReadOnlyList<RandomChain> chains, int maxTombstones, bool isWatched, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        (_chains, _maxTombstones) = (chains, maxTombstones);
        _store = new CountsStore(maxTombstones);
        var options = Options.Create(new SubscriptionOptions());
        _hub = new WatchHub(_store, options, TimeProvider.System);
        _hub.Start();
        _store.TakeOver(chains[0].Begin(maxTombstones));
        Streams = new WatchStreams(_hub, FeedParts.Live(TimeProvider.System), options, lifetime, time);
        if (isWatched)
        {
            _hub.Subscribe(null, null);
        }
    }

    public WatchStreams Streams { get; }

    public CountsVersion Version => _store.Version!;

    /// <summary>Goes on by some revisions, over the end of a chain too.</summary>
    public void Advance(int revisions)
    {
        lock (_writing)
        {
            for (; revisions > 0; revisions--)
            {
                if (_store.Version!.Revision < _chains[_chain].Last)
                {
                    _chains[_chain].Apply(_store);
                }
                else if (_chain + 1 < _chains.Count)
                {
                    _store.TakeOver(_chains[++_chain].Begin(_maxTombstones));
                }
            }
        }
    }

    public void Dispose() => _hub.Dispose();
}
