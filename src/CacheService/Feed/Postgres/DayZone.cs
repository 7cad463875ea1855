using System.Data;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>The time zone of the daily counters, which all services of a database share.</summary>
internal static class DayZone
{
    /// <summary>Has the database write days back in a time zone. Where that was another one, all is to be counted afresh.</summary>
    /// <exception cref="DatabaseSetupException">The server does not know that zone.</exception>
    public static async Task SetAsync(NpgsqlConnection connection, string zone, CancellationToken cancellationToken)
    {
        if (await IsSetAsync(connection, zone, cancellationToken))
        {
            return;
        }

        // A rollup that counts holds what is to be changed for as long as that takes: rather try again than seem to have stopped.
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await using (var patience = new NpgsqlCommand("set local lock_timeout = '5s'", connection))
        {
            await patience.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var set = new NpgsqlCommand("select twcache.set_day_zone($1)", connection);
        set.Parameters.Add(new NpgsqlParameter<string> { TypedValue = zone });
        try
        {
            await set.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidParameterValue)
        {
            throw new DatabaseSetupException($"the database knows no time zone '{zone}' (Counts:TimeZone); pg_timezone_names lists those that it knows", e);
        }
    }

    // By far the cheaper, and the rule: to set it is to read all zones of the server. One that it does not know any more is set, and refused.
    private static async Task<bool> IsSetAsync(NpgsqlConnection connection, string zone, CancellationToken cancellationToken)
    {
        await using var ask = new NpgsqlCommand("select twcache.day_zone() is not distinct from $1", connection);
        ask.Parameters.Add(new NpgsqlParameter<string> { TypedValue = zone });
        return await ask.ExecuteScalarAsync(cancellationToken) is true;
    }
}
