using Npgsql;

namespace CacheService.Rollup;

/// <summary>Calls <c>twcache.roll_up()</c>.</summary>
internal static class RollUpCall
{
    /// <summary>Has the database write the counts back, as the first thing in a transaction.</summary>
    /// <param name="connection">In the transaction.</param>
    /// <param name="keepFor">How long changes go on being recorded when no cache runs.</param>
    /// <param name="timeout">How long it may take: it may have to count all activity.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<RollUpResult> RunAsync(NpgsqlConnection connection, TimeSpan keepFor, TimeSpan timeout, CancellationToken cancellationToken)
    {
        await using var patience = new NpgsqlCommand($"set local statement_timeout = '{timeout.TotalMilliseconds:F0}'", connection);
        await patience.ExecuteNonQueryAsync(cancellationToken);
        await using var rollUp = new NpgsqlCommand("select counted, changed, coalesce(detail, '') from twcache.roll_up($1)", connection) { CommandTimeout = (int)timeout.TotalSeconds };
        rollUp.Parameters.Add(new NpgsqlParameter<int> { TypedValue = (int)keepFor.TotalSeconds });
        await using var reader = await rollUp.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new RollUpResult(reader.GetBoolean(0), reader.GetInt64(1), reader.GetString(2));
    }
}

/// <summary>What became of it.</summary>
/// <param name="Counted">Whether the counters are the counts of now.</param>
/// <param name="Changed">How many messages' counts have changed.</param>
/// <param name="Detail">Why they are not, in words.</param>
internal sealed record RollUpResult(bool Counted, long Changed, string Detail);
