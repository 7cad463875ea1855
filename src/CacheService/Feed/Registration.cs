using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>A consumer's entry in the change log's books: how changes come to be recorded for it, and stay recorded. Thread-safe.</summary>
internal sealed class Registration
{
    private readonly IConsumerBook _book;
    private readonly Lock _renewing = new();
    private Proof _proven;
    private long _sent;
    private bool _isWaiting = true;
    private volatile Baseline _baseline;

    /// <summary>It has just been made.</summary>
    /// <param name="book">The books that it is in.</param>
    /// <param name="consumer">The consumer's name.</param>
    /// <param name="baseline">What the counts are to stand on.</param>
    /// <param name="identity">The change log's identity.</param>
    /// <param name="provenUntil">The epoch second up to which the lease is known to hold.</param>
    /// <param name="isEverythingRecorded">See <see cref="IsEverythingRecorded"/>.</param>
    public Registration(IConsumerBook book, string consumer, Baseline baseline, Guid identity, long provenUntil, bool isEverythingRecorded)
    {
        _book = book;
        Consumer = consumer;
        Identity = identity;
        _baseline = baseline;
        _proven = new Proof(0, provenUntil);
        IsEverythingRecorded = isEverythingRecorded;
    }

    /// <summary>The consumer's name.</summary>
    public string Consumer { get; }

    /// <summary>The change log's identity at registration.</summary>
    public Guid Identity { get; }

    /// <summary>What the counts stand on as of their load, or are to stand on.</summary>
    public Baseline Baseline
    {
        get => _baseline;
        set => _baseline = value;
    }

    /// <summary>What the server has confirmed by now.</summary>
    public Proof Proven => Volatile.Read(ref _proven);

    /// <summary>Whether the changes of every running transaction are recorded, those before this one's call included.</summary>
    public bool IsEverythingRecorded { get; private set; }

    /// <summary>The counts were taken from what was written back, which proves <see cref="IsEverythingRecorded"/>.</summary>
    public void NoteEverythingIsRecorded() => IsEverythingRecorded = true;

    /// <summary>Waits until <see cref="IsEverythingRecorded"/>.</summary>
    /// <param name="waiting">Told what it waits for, now and then.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task WaitForEarlierTransactionsAsync(Action<string> waiting, CancellationToken cancellationToken)
    {
        await _book.WaitForEarlierTransactionsAsync(waiting, cancellationToken);
        IsEverythingRecorded = true;
    }

    /// <summary>From here on the change log keeps what is committed: a load begins. Renewals that were sent before this one, and arrive later, change nothing.</summary>
    /// <returns>False: not registered any more.</returns>
    public Task<bool> BeginLoadAsync(CancellationToken cancellationToken) => RenewAsync(reached: null, isWaiting: false, cancellationToken);

    /// <summary>The consumer has nothing loaded any more.</summary>
    public Task HaltAsync(CancellationToken cancellationToken) => RenewAsync(reached: null, isWaiting: true, cancellationToken);

    /// <summary>Extends the lease, and notes how far the consumer has got.</summary>
    /// <param name="reached">The consumer's snapshot, as text; null before its load.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>False: not registered any more.</returns>
    public Task<bool> RenewAsync(string? reached, CancellationToken cancellationToken) => RenewAsync(reached, isWaiting: null, cancellationToken);

    /// <summary>
    /// Why a drain may lack changes; null if it lacks none. A writer that found the lease lapsed read the server's clock before it committed,
    /// so before the drain did: as long as the drain's clock has not passed the time for which the lease is proven, there is no such writer. And the lease must
    /// still reach as far as it was proven to.
    /// </summary>
    /// <param name="drain">The drain.</param>
    /// <param name="since">What it went on from.</param>
    public string? FindGap(DrainResult drain, PgSnapshot since) => drain switch
    {
        { Identity: null } => "the server has crashed, or another was promoted, and may have lost what was counted",
        { Identity: var identity } when identity != Identity => "the change log has a new identity",
        { Renewal: < 0 } => "the change log has no consumer of this name any more, or its lease has lapsed",
        { Renewal: var renewal } when renewal < drain.Proven.Renewal || renewal > drain.SentRenewals => "the database was put back to an earlier state",
        { Snapshot.Xmax: var xmax } when xmax < since.Xmax => "the server has gone back to earlier transactions",
        { HasStrangeRows: true } => "the change log has rows of transactions to come, as after a restore",
        _ when drain.Lease < drain.Proven.Until => "the lease was set back",
        _ when drain.ServerTime >= Proven.Until => "the lease was not renewed in time",
        _ => null,
    };

    /// <summary>How many renewals were sent.</summary>
    public long Sent => Volatile.Read(ref _sent);

    private async Task<bool> RenewAsync(string? reached, bool? isWaiting, CancellationToken cancellationToken)
    {
        long number, confirmed;
        bool waits;
        lock (_renewing)
        {
            _isWaiting = isWaiting ?? (_isWaiting && reached is null);
            (number, confirmed, waits) = (++_sent, _proven.Renewal, _isWaiting);
        }

        if (await _book.RenewAsync(new Renewal(Consumer, number, confirmed, reached, waits), cancellationToken) is not { } provenUntil)
        {
            return false;
        }

        // Only once it has committed: what is rolled back was not renewed. Zero: a later renewal has overtaken this one.
        lock (_renewing)
        {
            if (provenUntil > 0 && number > _proven.Renewal)
            {
                Volatile.Write(ref _proven, new Proof(number, provenUntil));
            }
        }

        return true;
    }
}

/// <summary>What the server has confirmed of a registration.</summary>
/// <param name="Renewal">The number of its last renewal.</param>
/// <param name="Until">The epoch second up to which the lease is known to hold.</param>
internal sealed record Proof(long Renewal, long Until);
