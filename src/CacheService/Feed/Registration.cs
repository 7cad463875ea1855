using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed;

/// <summary>A consumer's entry in the change log's books: how changes come to be recorded for it, and stay recorded.</summary>
internal sealed class Registration
{
    private readonly PostgresConnections _connections;
    private readonly int _leaseSeconds;
    private long _provenUntil;

    private Registration(PostgresConnections connections, string consumer, Guid identity, long provenUntil, int leaseSeconds)
    {
        _connections = connections;
        Consumer = consumer;
        Identity = identity;
        _provenUntil = provenUntil;
        _leaseSeconds = leaseSeconds;
    }

    /// <summary>The consumer's name.</summary>
    public string Consumer { get; }

    /// <summary>The change log's identity at registration.</summary>
    public Guid Identity { get; }

    /// <summary>Whether the changes of every running transaction are recorded, those before this one's call included.</summary>
    public bool IsEverythingRecorded { get; private set; }

    /// <summary>Registers a consumer, under a new name, and starts the lease.</summary>
    /// <param name="connections">Where the statements run.</param>
    /// <param name="leaseSeconds">How long the lease is.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static Task<Registration> RegisterAsync(PostgresConnections connections, int leaseSeconds, CancellationToken cancellationToken)
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
                return new Registration(connections, consumer, reader.GetGuid(2), reader.GetInt64(1), leaseSeconds) { IsEverythingRecorded = reader.GetBoolean(0) };
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

    /// <summary>Extends the lease, and notes how far the consumer has got.</summary>
    /// <param name="reached">The consumer's snapshot, as text; null before its load.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>False: not registered any more.</returns>
    public async Task<bool> RenewAsync(string? reached, CancellationToken cancellationToken)
    {
        var renewed = await _connections.RunForLeaseAsync(
            async connection =>
            {
                await using var renew = new NpgsqlCommand("select twcache.renew($1, $2::pg_snapshot, $3)", connection);
                renew.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Consumer });
                renew.Parameters.Add(new NpgsqlParameter { Value = (object?)reached ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
                renew.Parameters.Add(new NpgsqlParameter<int> { TypedValue = _leaseSeconds });
                return await renew.ExecuteScalarAsync(cancellationToken);
            },
            cancellationToken);
        if (renewed is not long provenUntil)
        {
            return false;
        }

        // Only once it has committed: what is rolled back was not renewed.
        Volatile.Write(ref _provenUntil, provenUntil);
        return true;
    }

    /// <summary>
    /// Why a drain may lack changes; null if it lacks none. A writer that found the lease lapsed read the server's clock before it committed,
    /// so before the drain did: as long as the drain's clock has not passed the time for which the lease is proven, there is no such writer.
    /// </summary>
    public string? FindGap(Drain drain) => drain switch
    {
        { Identity: null } => "the change log was emptied by a crash of the server",
        { Identity: var identity } when identity != Identity => "the change log has a new identity",
        { IsRegistered: false } => "the change log has no consumer of this name any more, or its lease has lapsed",
        { HasStrangeRows: true } => "the change log has rows of transactions to come, as after a restore",
        _ when drain.ServerTime >= Volatile.Read(ref _provenUntil) => "the lease was not renewed in time",
        _ => null,
    };

    private static string NewConsumerName(string instance)
    {
        const int LongestHostName = 24;
        var host = Environment.MachineName;
        return $"{(host.Length > LongestHostName ? host[..LongestHostName] : host)}-{Environment.ProcessId}-{instance}-{Random.Shared.Next():x8}";
    }
}
