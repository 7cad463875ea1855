using System.Globalization;
using CacheService.Feed;
using CacheService.IntegrationTests.Days;
using CacheService.IntegrationTests.Feed.RandomTransactions;
using CacheService.IntegrationTests.Infrastructure;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace CacheService.IntegrationTests.Feed;

/// <summary>The property that everything else serves: after any history, a strong read equals the view, and the days a count.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class RandomTransactionsTests
{
    private const int Bursts = 50;
    private const int TransactionsPerBurst = 8;
    private const int Connections = 5;
    private const string Zone = "Europe/Berlin";

    /// <summary>Set to a printed seed to run those transactions again.</summary>
    private const string SeedVariable = "TWCACHE_TEST_SEED";

    [Test]
    public async Task StrongRead_AfterEachBurstOfRandomTransactions_EqualsTheViewAndTheDaysACount([Values] LogForm log)
    {
        var seed = ulong.TryParse(Environment.GetEnvironmentVariable(SeedVariable), out var given) ? given : (ulong)Random.Shared.NextInt64();
        await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{SeedVariable}={seed}"));

        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, $"--Feed:Log={log}", $"--Counts:TimeZone={Zone}");
        await database.AddMessagesAsync(10);

        var (ran, committed) = (0, 0);
        var bursts = Arb.From(TransactionGenerator.Transaction.ListOf(TransactionsPerBurst));
        var property = Prop.ForAll(bursts, async burst =>
        {
            var done = await Task.WhenAll(burst.Chunk((burst.Count + Connections - 1) / Connections).Select(async transactions =>
            {
                await using var connection = await database.OpenAsync();
                return await TransactionRunner.RunAsync(connection, transactions);
            }));
            ran += burst.Count;
            committed += done.Sum();
            await service.AssertEqualsViewAsync(database, $"(seed {seed}) after {string.Join('\n', burst)}");
            await service.AssertDaysEqualRecountAsync(database, Zone, $"(seed {seed}) after {string.Join('\n', burst)}");
        });
        var config = Config.QuickThrowOnFailure.WithMaxTest(Bursts).WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(seed, 1), FSharpOption<int>.None)));
        await Task.Run(() => Check.One(config, property));

        await TestContext.Progress.WriteLineAsync($"{ran} transactions, {committed} committed, {service.Status.Drains} drains, {service.Status.Bells} bells, {service.Log.Count("Reloading")} reloads");
        Assert.That(service.Log.Entries.Where(entry => entry.EventName == "Reloading").Select(entry => entry.Message), Has.All.Contains("truncated"), "nothing else makes it load");
        Assert.That(ran, Is.GreaterThanOrEqualTo(300));
        Assert.That(committed, Is.GreaterThan(ran / 3));
    }
}
