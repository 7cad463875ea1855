using CacheService.Client;

namespace CacheService.IntegrationTests.Client;

/// <summary>Takes the updates of a watch one by one.</summary>
internal sealed class WatchReader(TweetCountsClient client, WatchOptions options) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private IAsyncEnumerator<WatchUpdate>? _updates;

    /// <summary>The next update, whatever it is.</summary>
    public async Task<WatchUpdate> NextAsync()
    {
        _updates ??= client.WatchAsync(options, _stop.Token).GetAsyncEnumerator();
        Assert.That(await _updates.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20)), "a watch has no end");
        return _updates.Current;
    }

    /// <summary>The next update, which has to be of that kind.</summary>
    public async Task<T> NextAsync<T>()
        where T : WatchUpdate
    {
        var update = await NextAsync();
        Assert.That(update, Is.InstanceOf<T>());
        return (T)update;
    }

    /// <summary>Skips to the next update of that kind.</summary>
    public async Task<T> UntilAsync<T>()
        where T : WatchUpdate
    {
        while (true)
        {
            if (await NextAsync() is T wanted)
            {
                return wanted;
            }
        }
    }

    public void Cancel() => _stop.Cancel();

    public async ValueTask DisposeAsync()
    {
        if (_updates is not null)
        {
            await _updates.DisposeAsync();
        }

        _stop.Dispose();
    }
}
