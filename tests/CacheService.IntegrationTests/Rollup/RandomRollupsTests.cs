using System.Globalization;
using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Feed.RandomTransactions;
using CacheService.IntegrationTests.Infrastructure;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;
using Npgsql;

namespace CacheService.IntegrationTests.Rollup;

/// <summary>Rollups, trims and readers beside random transactions, with no service running.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class RandomRollupsTests
{
    private const int Bursts = 30;
    private const int TransactionsPerBurst = 12;
    private const int Connections = 4;
    private const string SeedVariable = "TWCACHE_TEST_SEED";

    [TestCase("change")]
    [TestCase("table")]
    public async Task CurrentCounts_InsideAndOutsideOfRandomTransactions_EqualTheView(string log)
    {
        var seed = ulong.TryParse(Environment.GetEnvironmentVariable(SeedVariable), out var given) ? given : (ulong)Random.Shared.NextInt64();
        await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{SeedVariable}={seed}"));
        await using var database = await TrialDatabase.CreateAsync(log: log);
        await database.RollUpAsync();

        var (looks, refused, rollups) = (0, 0, 0);
        var wrong = new List<string>();
        async Task LookAsync(NpgsqlConnection connection, RandomTransaction transaction)
        {
            try
            {
                var differences = await connection.QueryAsync<long>(RollupDatabase.DifferencesSql);
                Interlocked.Increment(ref looks);
                if (differences > 0)
                {
                    lock (wrong)
                    {
                        wrong.Add($"{differences} messages inside of {transaction}");
                    }
                }
            }
            catch (PostgresException e) when (e.MessageText.StartsWith("the current counts are not known", StringComparison.Ordinal))
            {
                // After a truncation, until it is counted.
                Interlocked.Increment(ref refused);
                throw;
            }
        }

        var property = Prop.ForAll(Arb.From(TransactionGenerator.Transaction.ListOf(TransactionsPerBurst)), async burst =>
        {
            var hasEnded = false;
            var rolling = Task.Run(async () =>
            {
                await using var connection = await database.OpenAsync();
                for (var n = 0; !Volatile.Read(ref hasEnded); n++)
                {
                    await connection.ExecuteAsync("begin");
                    try
                    {
                        await connection.RollUpAsync();
                        await connection.ExecuteAsync(n % 5 == 4 ? "rollback" : "commit");
                    }
                    catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
                    {
                        // A truncation holds a table for longer than a rollup waits.
                        await connection.ExecuteAsync("rollback");
                    }

                    await connection.ExecuteAsync("select twcache.trim(1000)");
                    rollups++;
                }
            });
            await Task.WhenAll(burst.Chunk((burst.Count + Connections - 1) / Connections).Select(async transactions =>
            {
                await using var connection = await database.OpenAsync();
                await TransactionRunner.RunAsync(connection, transactions, transaction => LookAsync(connection, transaction));
            }));
            Volatile.Write(ref hasEnded, true);
            await rolling;
            await database.RollUpAsync();
            Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero, $"(seed {seed}) after {string.Join('\n', burst)}");
            Assert.That(wrong, Is.Empty, $"seed {seed}");
        });
        await Task.Run(() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(Bursts).WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(seed, 1), FSharpOption<int>.None))), property));
        await TestContext.Progress.WriteLineAsync($"{looks} looks inside of transactions, {refused} refused, {rollups} rollups");
        Assert.That(looks, Is.GreaterThan(Bursts));
    }
}
