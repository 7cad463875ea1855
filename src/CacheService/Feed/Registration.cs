using Npgsql;

namespace CacheService.Feed;

/// <summary>A consumer's entry in the change log's books: how changes come to be recorded for it, and stay recorded.</summary>
internal sealed class Registration
{
    private readonly NpgsqlDataSource _database;
    private readonly int _leaseSeconds;
    private long _provenUntil;

    private Registration(NpgsqlDataSource database, string consumer, Guid identity, long provenUntil, int leaseSeconds)
    {
        _database = database;
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
    /// <param name="database">Where the statements run.</param>
    /// <param name="owner">What the consumer's name begins with.</param>
    /// <param name="leaseSeconds">How long the lease is.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<Registration> RegisterAsync(NpgsqlDataSource database, string owner, int leaseSeconds, CancellationToken cancellationToken)
    {
        var consumer = $"{owner}-{Random.Shared.Next():x8}";
        await using var register = database.CreateCommand("select recorded, proven_until, identity from twcache.register($1, $2)");
        register.Parameters.Add(new NpgsqlParameter<string> { TypedValue = consumer });
        register.Parameters.Add(new NpgsqlParameter<int> { TypedValue = leaseSeconds });
        await using var reader = await register.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new Registration(database, consumer, reader.GetGuid(2), reader.GetInt64(1), leaseSeconds) { IsEverythingRecorded = reader.GetBoolean(0) };
    }

    /// <summary>Waits until <see cref="IsEverythingRecorded"/>.</summary>
    /// <param name="waiting">Told what it waits for, now and then.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task WaitForEarlierTransactionsAsync(Action<string> waiting, CancellationToken cancellationToken)
    {
        await EarlierTransactions.WaitForEndAsync(_database, waiting, cancellationToken);
        IsEverythingRecorded = true;
    }

    /// <summary>Extends the lease, and notes how far the consumer has got.</summary>
    /// <param name="reached">The consumer's snapshot, as text; null before its load.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>False: not registered any more.</returns>
    public async Task<bool> RenewAsync(string? reached, CancellationToken cancellationToken)
    {
        await using var renew = _database.CreateCommand("select twcache.renew($1, $2::pg_snapshot, $3)");
        renew.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Consumer });
        renew.Parameters.Add(new NpgsqlParameter { Value = (object?)reached ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        renew.Parameters.Add(new NpgsqlParameter<int> { TypedValue = _leaseSeconds });
        if (await renew.ExecuteScalarAsync(cancellationToken) is not long provenUntil)
        {
            return false;
        }

        Volatile.Write(ref _provenUntil, provenUntil);
        return true;
    }

    /// <summary>The used share of the server's notification queue, 0 to 1.</summary>
    public async Task<double> NotificationQueueUsageAsync(CancellationToken cancellationToken)
    {
        await using var usage = _database.CreateCommand("select pg_notification_queue_usage()");
        return (double)(await usage.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Deletes changes that every consumer has passed.</summary>
    public async Task TrimAsync(CancellationToken cancellationToken)
    {
        const int BatchSize = 5000;
        int deleted;
        do
        {
            await using var trim = _database.CreateCommand("select twcache.trim($1)");
            trim.Parameters.Add(new NpgsqlParameter<int> { TypedValue = BatchSize });
            deleted = (int)(await trim.ExecuteScalarAsync(cancellationToken))!;
        }
        while (deleted == BatchSize);
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
}
