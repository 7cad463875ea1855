using System.Diagnostics;
using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Writes transactions at a rate, over several connections. One that is late is not made up for.</summary>
internal static class PacedWriter
{
    /// <summary>Writes for a time.</summary>
    /// <param name="database">Where.</param>
    /// <param name="perSecond">Transactions a second.</param>
    /// <param name="duration">For how long.</param>
    /// <param name="clients">Over how many connections.</param>
    /// <param name="sql">A statement of a transaction's number, in <c>$1</c>.</param>
    /// <param name="committed">Told after each commit; the number, and the time.</param>
    /// <returns>How many committed.</returns>
    public static async Task<int> WriteAsync(ITestDatabase database, int perSecond, TimeSpan duration, int clients, string sql, Action<int, long>? committed = null)
    {
        var (number, total) = (0, 0);
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            await using var connection = await database.OpenAsync();
            await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new NpgsqlParameter<int>() } };
            await command.PrepareAsync();
            using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(1000.0 * clients / perSecond));
            while (Stopwatch.GetElapsedTime(started) < duration && await tick.WaitForNextTickAsync())
            {
                var mine = Interlocked.Increment(ref number);
                ((NpgsqlParameter<int>)command.Parameters[0]).TypedValue = mine;
                await command.ExecuteNonQueryAsync();
                committed?.Invoke(mine, Stopwatch.GetTimestamp());
                Interlocked.Increment(ref total);
            }
        })));
        return total;
    }
}
