using System.Diagnostics;
using CacheService.Client;
using CacheService.LoadTests.Machine;

namespace CacheService.LoadTests.Freshness;

/// <summary>A watcher of one message, over a connection of its own, that notes when a count arrives.</summary>
internal sealed class ProbeWatcher : IAsyncDisposable
{
    private readonly TweetCountsClient _client;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _watching;
    private (long Retweets, TaskCompletionSource<long> Arrival)? _wanted;

    private ProbeWatcher(TweetCountsClient client, long messageId)
    {
        _client = client;
        _watching = WatchAsync(messageId);
    }

    public static async Task<ProbeWatcher> StartAsync(MeasuredService service, long messageId, CancellationToken cancellationToken)
    {
        var watcher = new ProbeWatcher(service.CreateClient(), messageId);
        await watcher._synced.Task.WaitAsync(cancellationToken);
        return watcher;
    }

    /// <summary>The moment at which that many retweets, or more, arrive. One wait at a time, begun before they can.</summary>
    public Task<long> WaitAsync(long retweets, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _wanted = (retweets, new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously));
            return _wanted.Value.Arrival.Task.WaitAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _client.Dispose();
        _stop.Dispose();
    }

    private async Task WatchAsync(long messageId)
    {
        try
        {
            await foreach (var update in _client.WatchAsync(WatchOptions.Of(messageId), _stop.Token))
            {
                switch (update)
                {
                    case WatchUpdate.Synced:
                        _synced.TrySetResult();
                        break;
                    case WatchUpdate.Changes { Counts: [.., var counts] }:
                        Arrived(counts.Retweets, Stopwatch.GetTimestamp());
                        break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private void Arrived(long retweets, long time)
    {
        lock (_lock)
        {
            if (_wanted is { } wanted && retweets >= wanted.Retweets)
            {
                wanted.Arrival.TrySetResult(time);
            }
        }
    }
}
