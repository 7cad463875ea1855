using CacheService.Counts;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed;

/// <summary>A consumer's entry in the change log's books: how changes come to be recorded for it, and stay recorded. Thread-safe.</summary>
internal sealed class Registration
{
    private readonly PostgresConnections _connections;
    private readonly int _leaseSeconds;
    private readonly Lock _renewing = new();
    private Proof _proven;
    private long _sent;
    private bool _isWaiting = true;
    private volatile Baseline _baseline;

    private Registration(PostgresConnections connections, string consumer, Baseline baseline, Guid identity, long provenUntil, int leaseSeconds)
    {
        _connections = connections;
        Consumer = consumer;
        Identity = identity;
        _baseline = baseline;
        _proven = new Proof(0, provenUntil);
        _leaseSeconds = leaseSeconds;
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

    /// <summary>Registers a consumer, under a new name, and starts the lease.</summary>
    /// <param name="connections">Where the statements run.</param>
    /// <param name="baseline">What the counts are to stand on.</param>
    /// <param name="leaseSeconds">How long the lease is.</param>
    /// <param name="trustsOthers">Whether another loaded consumer shows that everything is recorded; not where the trigger functions have just been replaced.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static Task<Registration> RegisterAsync(
        PostgresConnections connections, Baseline baseline, int leaseSeconds, bool trustsOthers, CancellationToken cancellationToken)
    {
        var consumer = NewConsumerName(connections.Instance);
        return connections.RunForLeaseAsync(
            async connection =>
            {
                await using var register = new NpgsqlCommand("select recorded, proven_until, identity from twcache.register($1, $2, $3)", connection);
                register.Parameters.Add(new NpgsqlParameter<string> { TypedValue = consumer });
                register.Parameters.Add(new NpgsqlParameter<string> { TypedValue = connections.Instance });
                register.Parameters.Add(new NpgsqlParameter<int> { TypedValue = leaseSeconds });
                await using var reader = await register.ExecuteReaderAsync(cancellationToken);
                await reader.ReadAsync(cancellationToken);
                return new Registration(connections, consumer, baseline, reader.GetGuid(2), reader.GetInt64(1), leaseSeconds)
                {
                    IsEverythingRecorded = trustsOthers && reader.GetBoolean(0),
                };
            },
            cancellationToken);
    }

    /// <summary>Waits until <see cref="IsEverythingRecorded"/>.</summary>
    /// <param name="waiting">Told what it waits for, now and then.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task WaitForEarlierTransactionsAsync(Action<string> waiting, CancellationToken cancellationToken)
    {
        await EarlierTransactions.WaitForEndAsync(_connections.Pool, waiting, cancellationToken);
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
    public string? FindGap(Drain drain, PgSnapshot since) => drain switch
    {
        { Identity: null } => "the change log was emptied by a crash of the server",
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

        var renewed = await _connections.RunForLeaseAsync(
            async connection =>
            {
                await using var renew = new NpgsqlCommand("select twcache.renew($1, $2, $3, $4::pg_snapshot, $5, $6)", connection);
                renew.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Consumer });
                renew.Parameters.Add(new NpgsqlParameter<long> { TypedValue = number });
                renew.Parameters.Add(new NpgsqlParameter<long> { TypedValue = confirmed });
                renew.Parameters.Add(new NpgsqlParameter { Value = (object?)reached ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
                renew.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = waits });
                renew.Parameters.Add(new NpgsqlParameter<int> { TypedValue = _leaseSeconds });
                return await renew.ExecuteScalarAsync(cancellationToken);
            },
            cancellationToken);
        if (renewed is not long provenUntil)
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

    private static string NewConsumerName(string instance)
    {
        const int LongestHostName = 24;
        var host = Environment.MachineName;
        return $"{(host.Length > LongestHostName ? host[..LongestHostName] : host)}-{Environment.ProcessId}-{instance}-{Random.Shared.Next():x8}";
    }
}
