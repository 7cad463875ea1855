using System.Data;
using CacheService.Counts;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Auditing;

/// <summary>What an audit asks the database for a range of messages: the counts from the tables, and what was recorded since. Holds up no writer.</summary>
internal sealed class RecountReader(NpgsqlConnection connection)
{
    // Index scans, of a few thousand messages of many: the plans are made with statistics that may be of an empty table. JIT costs more than it gives.
    private const string Settings = "set local enable_seqscan = off; set local jit = off; set local statement_timeout = '5s'";

    // A message by itself may have more activity than can be counted in a moment: it cannot be divided, so it gets more time.
    private const int OneMessageTimeoutSeconds = 60;

    // The locks come before the snapshot, which the first query takes: a TRUNCATE in between would show its tables empty to that snapshot.
    // Who waits for the locks holds up nobody; but it need not be long.
    private const string BeginSql = $"set transaction read only; {Settings}; set local lock_timeout = '1s'; lock table tweet.message, tweet.activity in access share mode";

    // The snapshot, and where the range ends: before the first message that is too many.
    private const string RangeSql =
        """
        select pg_current_snapshot()::text,
               exists (select from twcache.consumer where name = $1),
               (select messageid from tweet.message where messageid >= $2 order by messageid offset $3 limit 1)
        """;

    private const string RecountSql =
        """
        select m.messageid, coalesce(a.rts, 0), coalesce(a.favs, 0)
          from tweet.message m
          left join (select messageid,
                            count(*) filter (where action = 'rt')  - count(*) filter (where action = 'de-rt')  as rts,
                            count(*) filter (where action = 'fav') - count(*) filter (where action = 'de-fav') as favs
                       from tweet.activity
                      where messageid between $1 and $2
                      group by messageid) a using (messageid)
         where m.messageid between $1 and $2
        """;

    // What is visible in the later snapshot (xmax $3, in progress $4) and not in the earlier one ($1, $2).
    private const string RecordedSql =
        """
        select messageid, sum(rts)::bigint, sum(favs)::bigint, sum(born)::bigint
          from (select xid, messageid, rts, favs, born from twcache.change where xid >= $1 and xid < $3
                union all
                select xid, messageid, rts, favs, born from twcache.change where xid = any ($2) and xid < $3) as since
         where xid <> all ($4) and messageid between $5 and $6
         group by messageid
        """;

    /// <summary>Counts a range of messages.</summary>
    /// <param name="consumer">The feed's registration.</param>
    /// <param name="first">The range's first id.</param>
    /// <param name="size">How many messages at most.</param>
    /// <param name="last">The range's last id, if it has not too many messages.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<RangeRecount> RecountAsync(string consumer, long first, int size, long last, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await ExecuteAsync(BeginSql, cancellationToken);

        PgSnapshot snapshot;
        bool isOurs;
        await using (var range = new NpgsqlCommand(RangeSql, connection))
        {
            range.Parameters.Add(new NpgsqlParameter<string> { TypedValue = consumer });
            range.Parameters.Add(new NpgsqlParameter<long> { TypedValue = first });
            range.Parameters.Add(new NpgsqlParameter<long> { TypedValue = size });
            await using var reader = await range.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            snapshot = PgSnapshot.Parse(reader.GetString(0));
            isOurs = reader.GetBoolean(1);
            last = await reader.IsDBNullAsync(2, cancellationToken) ? last : Math.Min(last, reader.GetInt64(2) - 1);
        }

        if (size == 1)
        {
            await ExecuteAsync($"set local statement_timeout = '{OneMessageTimeoutSeconds}s'", cancellationToken);
        }

        var counts = new Dictionary<long, AuditedCounts>(size);
        await using (var recount = new NpgsqlCommand(RecountSql, connection))
        {
            // The server's own timeout ends it, and says so.
            recount.CommandTimeout = 2 * OneMessageTimeoutSeconds;
            recount.Parameters.Add(new NpgsqlParameter<long> { TypedValue = first });
            recount.Parameters.Add(new NpgsqlParameter<long> { TypedValue = last });
            await using var reader = await recount.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                counts.Add(reader.GetInt64(0), new AuditedCounts(reader.GetInt64(1), reader.GetInt64(2)));
            }
        }

        await transaction.CommitAsync(cancellationToken);
        return new RangeRecount(snapshot, isOurs, last, counts);
    }

    /// <summary>What was recorded of a range of messages between two snapshots, each message once.</summary>
    public async Task<Dictionary<long, CountChange>> ReadRecordedAsync(PgSnapshot after, PgSnapshot upTo, long first, long last, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await ExecuteAsync(Settings, cancellationToken);

        var changes = new Dictionary<long, CountChange>();
        await using (var recorded = new NpgsqlCommand(RecordedSql, connection))
        {
            recorded.Parameters.Add(new NpgsqlParameter<ulong> { TypedValue = after.Xmax, NpgsqlDbType = NpgsqlDbType.Xid8 });
            recorded.Parameters.Add(new NpgsqlParameter<ulong[]> { TypedValue = after.InProgress, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Xid8 });
            recorded.Parameters.Add(new NpgsqlParameter<ulong> { TypedValue = upTo.Xmax, NpgsqlDbType = NpgsqlDbType.Xid8 });
            recorded.Parameters.Add(new NpgsqlParameter<ulong[]> { TypedValue = upTo.InProgress, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Xid8 });
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

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
