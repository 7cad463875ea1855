using CacheService.Counts;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Reading;

/// <summary>Counts some messages straight from the tables, in one transaction and at one snapshot.</summary>
/// <param name="messageIds">The messages.</param>
/// <param name="xid">The transaction that the snapshot must include; null: none in particular.</param>
/// <param name="timeout">How long each statement may take, for the case that nobody cancels it.</param>
/// <param name="time">For the age.</param>
internal sealed class TableCounts(long[] messageIds, ulong? xid, TimeSpan timeout, TimeProvider time)
{
    /// <summary>The caller's limit comes first.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(2);

    // A standby lags behind, and would make the age a lie.
    private const string SnapshotSql = "select pg_current_snapshot()::text, pg_is_in_recovery()";

    // By the labels themselves, and not by their names as text: where one is missing or has been renamed, this fails, and does not count as if there were none.
    private static readonly string CountSql = ActivitySums.OfMessages();

    // Locks are asked for more briefly than the server waits before it looks for deadlocks, because this has one table's while it waits for the other's.
    private string BeginSql =>
        $"set transaction read only; {ActivitySums.Settings}; set local lock_timeout = '500ms'; set local statement_timeout = {(long)(timeout + Slack).TotalMilliseconds}; {ActivitySums.LockSql}";

    /// <summary>Counts them.</summary>
    /// <param name="connection">In a repeatable-read transaction that has done nothing yet.</param>
    /// <param name="counting">Called when there is nothing to wait for any more but the count.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null: the snapshot does not include the transaction.</returns>
    public async Task<DatabaseReading?> ReadAsync(NpgsqlConnection connection, Action counting, CancellationToken cancellationToken)
    {
        await using (var begin = Command(BeginSql, connection))
        {
            await begin.ExecuteNonQueryAsync(cancellationToken);
        }

        var takenAt = time.GetTimestamp();
        var snapshot = await ReadSnapshotAsync(connection, cancellationToken);
        if (xid is { } wanted && !snapshot.Includes(wanted))
        {
            return null;
        }

        counting();
        await using var command = Command(CountSql, connection);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = messageIds });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var counts = new Dictionary<long, MessageCounts>();
        while (await reader.ReadAsync(cancellationToken))
        {
            // Where no key forbids it, a message may be there twice, with the same counts.
            counts[reader.GetInt64(0)] = new MessageCounts(reader.GetInt64(1), reader.GetInt64(2), 0);
        }

        return new DatabaseReading(messageIds, counts, takenAt);
    }

    private async Task<PgSnapshot> ReadSnapshotAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = Command(SnapshotSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.GetBoolean(1) ? throw new NpgsqlException("the server is a standby") : PgSnapshot.Parse(reader.GetString(0));
    }

    private NpgsqlCommand Command(string sql, NpgsqlConnection connection) => new(sql, connection) { CommandTimeout = (int)(timeout + (2 * Slack)).TotalSeconds };
}
