using System.Data;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>The time zone of the daily counters, which all services of a database share.</summary>
internal static class DayZone
{
    // To set it is to read all zones of the server. Where it is set that is not done again: an unknown one fails all the same, but for a name with digits,
    // which may be taken as a rule.
    private const string SetSql =
        "select twcache.set_day_zone($1) where twcache.day_zone() is distinct from $1 or $1 ~ '[0-9]' or timezone($1, now()) is null";

    /// <summary>Has the database write days back in a time zone. Where that was another one, all is to be counted afresh.</summary>
    /// <exception cref="DatabaseSetupException">The server does not know that zone.</exception>
    public static async Task SetAsync(NpgsqlConnection connection, string zone, CancellationToken cancellationToken)
    {
        // A rollup that counts holds what is to be changed for as long as that takes: rather try again than seem to have stopped.
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await using (var patience = new NpgsqlCommand("set local lock_timeout = '5s'", connection))
        {
            await patience.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var set = new NpgsqlCommand(SetSql, connection);
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
}
