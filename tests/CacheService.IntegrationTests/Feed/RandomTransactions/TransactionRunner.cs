using System.Globalization;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Feed.RandomTransactions;

/// <summary>Runs transactions. One that the database refuses (a conflict, a deadlock, a broken constraint) is rolled back: that is part of the history.</summary>
internal static class TransactionRunner
{
    /// <summary>Runs transactions one after the other on a connection.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="transactions">The transactions.</param>
    /// <param name="look">Called at the end of each, within it.</param>
    /// <returns>How many committed.</returns>
    public static async Task<int> RunAsync(NpgsqlConnection connection, IEnumerable<RandomTransaction> transactions, Func<RandomTransaction, Task>? look = null)
    {
        var committed = 0;
        foreach (var transaction in transactions)
        {
            try
            {
                // Long enough for a slow machine. Of those that wait for each other, the server ends one before that (deadlock_timeout).
                await connection.ExecuteAsync($"begin isolation level {transaction.Isolation}; set local lock_timeout = '5s'");
                foreach (var step in transaction.Steps)
                {
                    await RunStepAsync(connection, step);
                }

                await (look?.Invoke(transaction) ?? Task.CompletedTask);
                await connection.ExecuteAsync(transaction.Commits ? "commit" : "rollback");
                committed += transaction.Commits ? 1 : 0;
            }
            catch (PostgresException)
            {
                await connection.ExecuteAsync("rollback");
            }
        }

        return committed;
    }

    private static async Task RunStepAsync(NpgsqlConnection connection, string step)
    {
        if (!step.StartsWith(RandomTransaction.CopyMark, StringComparison.Ordinal))
        {
            await connection.ExecuteAsync(step);
            return;
        }

        var rows = int.Parse(step.AsSpan(RandomTransaction.CopyMark.Length), CultureInfo.InvariantCulture);
        var messageIds = await connection.QueryAsync<long[]>("select coalesce(array_agg(messageid), '{}') from (select messageid from tweet.message order by messageid desc limit 5) m");
        await using var copy = await connection.BeginTextImportAsync("copy tweet.activity (messageid, action) from stdin");
        for (var row = 0; row < rows && messageIds.Length > 0; row++)
        {
            await copy.WriteLineAsync($"{messageIds[row % messageIds.Length]}\t{(row % 3 == 0 ? "fav" : "rt")}");
        }
    }
}
