using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Rollup;

/// <summary>Short ways to roll up, and to hold what SQL reads against the view.</summary>
internal static class RollupDatabase
{
    /// <summary>The messages of which current_counts and the view say different things, in one snapshot.</summary>
    public const string DifferencesSql =
        """
        select count(*) from (select messageid, rts, favs from tweet.message_with_counters) v
          full join (select messageid, rts, favs from twcache.current_counts) c using (messageid)
         where (v.rts, v.favs) is distinct from (c.rts, c.favs)
        """;

    /// <summary>Likewise of the counters, with the changes that are visible; asks nobody whether that is known to be right.</summary>
    public const string CounterDifferencesSql =
        """
        select count(*) from (select messageid, rts, favs from tweet.message_with_counters) v
          full join (select messageid, rts, favs from twcache.counters_now where born > 0) c using (messageid)
         where (v.rts, v.favs) is distinct from (c.rts, c.favs)
        """;

    /// <summary>Rolls up once, on a connection.</summary>
    /// <returns>Whether it has counted, how many messages have changed, and why it has not counted.</returns>
    public static async Task<(bool Counted, long Changed, string Detail)> RollUpAsync(this NpgsqlConnection connection, int keepSeconds = 900)
    {
        await using var command = new NpgsqlCommand($"select counted, changed, coalesce(detail, '') from twcache.roll_up({keepSeconds})", connection);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return (reader.GetBoolean(0), reader.GetInt64(1), reader.GetString(2));
    }

    /// <summary>Rolls up until it has counted.</summary>
    public static async Task RollUpAsync(this ITestDatabase database)
    {
        await using var connection = await database.OpenAsync();
        await Wait.UntilAsync(async () => (await connection.RollUpAsync()).Counted, RunningService.Patience, "the counts are rolled up");
    }

    /// <summary>A database with five messages of one retweet each, rolled up. No service runs.</summary>
    public static async Task<TrialDatabase> CreateAsync(string shape = "")
    {
        var database = await TrialDatabase.CreateAsync(shape);
        await database.RollUpAsync();
        return database;
    }
}
