namespace CacheService.Postgres;

/// <summary>
/// A queue for the connections of a pool: whoever waits here waits for as long as it may, where the pool itself would fail it. Where the server has no room
/// for as many, there are fewer for a while. Thread-safe.
/// </summary>
internal sealed class SlotQueue(int slots) : IDisposable
{
    private static readonly TimeSpan FewerFor = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LastSlotPause = TimeSpan.FromMilliseconds(200);

    private readonly SemaphoreSlim _free = new(slots);
    private readonly CancellationTokenSource _disposed = new();
    private int _slots = slots;

    /// <summary>Waits for a slot, to be disposed after use.</summary>
    public async Task<Slot> TakeAsync(CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        return new Slot(this);
    }

    /// <summary>Takes the next slot that is free away for a while: somebody else needs the connection more.</summary>
    public void TakeOneAway() => _ = TakeOneAwayAsync();

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed.Cancel();
        _free.Dispose();
        _disposed.Dispose();
    }

    private void GiveBack(bool hasNoRoom)
    {
        if (!hasNoRoom)
        {
            Release();
            return;
        }

        // The last one is tried again and again, because nobody else can find out that there is room.
        var isLast = Interlocked.Decrement(ref _slots) == 0;
        _ = GiveBackLaterAsync(isLast ? LastSlotPause : FewerFor, _disposed.Token);
    }

    private async Task TakeOneAwayAsync()
    {
        try
        {
            if (!await _free.WaitAsync(FewerFor, _disposed.Token))
            {
                return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            return;
        }

        Interlocked.Decrement(ref _slots);
        await GiveBackLaterAsync(FewerFor, _disposed.Token);
    }

    private async Task GiveBackLaterAsync(TimeSpan pause, CancellationToken disposed)
    {
        await Task.Delay(pause, disposed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Interlocked.Increment(ref _slots);
        Release();
    }

    private void Release()
    {
        try
        {
            _free.Release();
        }
        catch (ObjectDisposedException)
        {
            // The service has ended meanwhile.
        }
    }

    /// <summary>The right to one connection.</summary>
    internal sealed class Slot(SlotQueue queue) : IDisposable
    {
        /// <summary>Set where the server refused the connection, because it has as many as it takes.</summary>
        public bool HasNoRoom { get; set; }

        /// <inheritdoc/>
        public void Dispose() => queue.GiveBack(HasNoRoom);
    }
}
