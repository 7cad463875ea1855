using System.Data;
using CacheService.Counts;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Auditing;

/// <summary>What an audit asks the database for a range of messages: the counts from the tables, and what was recorded since. Holds up no writer.</summary>
internal sealed class RecountReader(NpgsqlConnection connection)
{
    private const string Settings = $"{ActivitySums.Settings}; set local statement_timeout = '5s'";

    private const string BeginSql = $"set transaction read only; {Settings}; set local lock_timeout = '1s'; {ActivitySums.LockSql}";

    private const string IsIndexedSql =
        """
        select exists (select
                         from pg_index i
                         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                        where i.indrelid = 'tweet.activity'::regclass and i.indisvalid and i.indpred is null and a.attname = 'messageid')
        """;

    private const string SnapshotSql = "select pg_current_snapshot()::text, exists (select from twcache.consumer where name = $1)";

    // Where the range ends: before the first message that is too many.
    private const string RangeSql = "select messageid::bigint from tweet.message where messageid >= $1 order by messageid offset $2 limit 1";

    // Ids and labels may be of several types. The activity of messages that do not exist is nobody's, and there may be much of it: before the first and after
    // the last message it is not even read.
    private static readonly string RecountSql =
        $"""
        select m.messageid::bigint, coalesce(a.rts, 0), coalesce(a.favs, 0)
          from tweet.message m
          left join (select messageid, {ActivitySums.Columns("action::text")}
                       from tweet.activity
                      where messageid between (select messageid from tweet.message where messageid between $1 and $2 order by messageid limit 1)
                                          and (select messageid from tweet.message where messageid between $1 and $2 order by messageid desc limit 1)
                      group by messageid) a using (messageid)
         where m.messageid between $1 and $2
        """;

    private static readonly string RecountSomeSql = ActivitySums.OfMessages("action::text");

    private const string RecordedSql =
        """
        select messageid, sum(rts)::bigint, sum(favs)::bigint, sum(born)::bigint
          from twcache.changes_between($1::pg_snapshot, $2::pg_snapshot)
         where messageid between $3 and $4
         group by messageid
        """;

    /// <summary>Whether the activity of a message is found by an index.</summary>
    public async Task<bool> IsIndexedAsync(CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(IsIndexedSql, connection);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Counts a range of messages.</summary>
    /// <param name="consumer">The feed's registration.</param>
    /// <param name="first">The range's first id.</param>
    /// <param name="size">How many messages at most, and for how long.</param>
    /// <param name="last">The range's last id, if it has not too many messages.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RecountTooLongException">It took longer than it may.</exception>
    public async Task<RangeRecount> RecountAsync(string consumer, long first, RangeSize size, long last, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await ExecuteAsync(BeginSql, cancellationToken);
        var (snapshot, isOurs) = await ReadSnapshotAsync(consumer, cancellationToken);
        await using (var range = new NpgsqlCommand(RangeSql, connection))
        {
            range.Parameters.Add(new NpgsqlParameter<long> { TypedValue = first });
            range.Parameters.Add(new NpgsqlParameter<long> { TypedValue = size.Messages });
            last = await range.ExecuteScalarAsync(cancellationToken) is long next ? Math.Min(last, next - 1) : last;
        }

        await using var recount = new NpgsqlCommand(RecountSql, connection);
        recount.Parameters.Add(new NpgsqlParameter<long> { TypedValue = first });
        recount.Parameters.Add(new NpgsqlParameter<long> { TypedValue = last });
        return new RangeRecount(snapshot, isOurs, last, await CountAsync(recount, transaction, size.Timeout, last, cancellationToken));
    }

    /// <summary>Counts some messages.</summary>
    /// <param name="consumer">The feed's registration.</param>
    /// <param name="messageIds">The messages.</param>
    /// <param name="last">The last id of their range.</param>
    /// <param name="timeout">For how long.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RecountTooLongException">It took longer than it may.</exception>
    public async Task<RangeRecount> RecountAsync(string consumer, long[] messageIds, long last, TimeSpan timeout, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await ExecuteAsync(BeginSql, cancellationToken);
        var (snapshot, isOurs) = await ReadSnapshotAsync(consumer, cancellationToken);
        await using var recount = new NpgsqlCommand(RecountSomeSql, connection);
        recount.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = messageIds });
        return new RangeRecount(snapshot, isOurs, last, await CountAsync(recount, transaction, timeout, last, cancellationToken));
    }

    /// <summary>What was recorded of a range of messages between two snapshots, each message once.</summary>
    public async Task<Dictionary<long, CountChange>> ReadRecordedAsync(PgSnapshot after, PgSnapshot upTo, long first, long last, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await ExecuteAsync(Settings, cancellationToken);

        var changes = new Dictionary<long, CountChange>();
        await using (var recorded = new NpgsqlCommand(RecordedSql, connection))
        {
            recorded.Parameters.Add(new NpgsqlParameter<string> { TypedValue = after.ToString() });
            recorded.Parameters.Add(new NpgsqlParameter<string> { TypedValue = upTo.ToString() });
            recorded.Parameters.Add(new NpgsqlParameter<long> { TypedValue = first });
            recorded.Parameters.Add(new NpgsqlParameter<long> { TypedValue = last });
            await using var reader = await recorded.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                var messageId = reader.GetInt64(0);
                changes.Add(messageId, new CountChange(messageId, reader.GetInt64(1), reader.GetInt64(2), checked((int)reader.GetInt64(3))));
            }
        }

        await transaction.CommitAsync(cancellationToken);
        return changes;
    }

    private async Task<(PgSnapshot Snapshot, bool IsOurs)> ReadSnapshotAsync(string consumer, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(SnapshotSql, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = consumer });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (PgSnapshot.Parse(reader.GetString(0)), reader.GetBoolean(1));
    }

    private async Task<Dictionary<long, AuditedCounts>> CountAsync(
        NpgsqlCommand recount, NpgsqlTransaction transaction, TimeSpan timeout, long last, CancellationToken cancellationToken)
    {
        await ExecuteAsync($"set local statement_timeout = {(long)timeout.TotalMilliseconds}", cancellationToken);

        // The server's own timeout ends it, and says so; this one, a connection that is dead.
        recount.CommandTimeout = (int)timeout.TotalSeconds + 60;
        var counts = new Dictionary<long, AuditedCounts>();
        try
        {
            await using var reader = await recount.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                // Where no key forbids it, a message may be there twice, with the same counts.
                counts[reader.GetInt64(0)] = new AuditedCounts(reader.GetInt64(1), reader.GetInt64(2));
            }
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled && !cancellationToken.IsCancellationRequested)
        {
            throw new RecountTooLongException(last, e);
        }

        await transaction.CommitAsync(cancellationToken);
        return counts;
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>The counts of a range of messages, from the tables, at one snapshot.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="IsOurs">Whether the database is the one on which the feed is registered; another server that answers to the same address is not.</param>
/// <param name="Last">The range's last id.</param>
/// <param name="Counts">Every message in the range.</param>
internal sealed record RangeRecount(PgSnapshot Snapshot, bool IsOurs, long Last, IReadOnlyDictionary<long, AuditedCounts> Counts);

/// <summary>The recount of a range of messages took too long for the database.</summary>
/// <param name="last">The range's last id.</param>
/// <param name="inner">What the database said.</param>
internal sealed class RecountTooLongException(long last, Exception inner) : Exception("the recount took too long", inner)
{
    /// <summary>The range's last id.</summary>
    public long Last { get; } = last;
}
