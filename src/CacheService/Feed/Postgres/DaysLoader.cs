using CacheService.Counts;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>Loads what happened on each day.</summary>
internal sealed class DaysLoader(IOptions<CountsOptions> options)
{
    private const string RolledUpSql = "select day, rts, de_rts, favs, de_favs from twcache.daily_counters_now";

    // A scan of its own, because the server counts by messages and by days at once on one processor only.
    private static readonly string CountSql = ActivitySums.ByDay();

    /// <summary>Reads all days.</summary>
    /// <param name="connection">In the transaction of the load.</param>
    /// <param name="counts">Whether all activity is to be counted; false: what was written back is read, with the changes since.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null: the database does not tell the time of activity.</returns>
    /// <exception cref="InconsistentChangeException">No tables add up to these days.</exception>
    public async Task<DailyCounts?> ReadAsync(NpgsqlConnection connection, bool counts, CancellationToken cancellationToken)
    {
        await using (var ask = new NpgsqlCommand("select twcache.keeps_days()", connection))
        {
            if (await ask.ExecuteScalarAsync(cancellationToken) is not true)
            {
                return null;
            }
        }

        await using var read = new NpgsqlCommand(counts ? CountSql : RolledUpSql, connection);
        if (counts)
        {
            read.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.Value.TimeZone });
        }

        var days = new List<DayCounts>();
        await using var reader = await read.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            days.Add(new DayCounts(await reader.GetFieldValueAsync<DateOnly>(0, cancellationToken), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4)));
        }

        return DailyCounts.Empty.Add(days);
    }
}
