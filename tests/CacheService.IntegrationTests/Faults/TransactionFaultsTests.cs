using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Faults;

/// <summary>Transactions that make it hard to say what has happened when.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class TransactionFaultsTests
{
    [Test]
    public async Task Transaction_OpenThroughout_HoldsNobodyBackAndCountsInTheEnd()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync("a writer's transaction open throughout, across all else", database);
        await using var lag = new MachineLag();

        // One with changes; one without, in another database, that only keeps the horizon back.
        await using var open = await database.OpenAsync();
        await open.ExecuteAsync("begin; insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message where message = 'calm'");
        await using var unrelated = await OpenOnServerAsync();
        await unrelated.ExecuteAsync("begin isolation level repeatable read; select pg_current_xact_id()");
        await run.Writers.WriteMoreAsync(300);
        await database.TerminateServiceAsync();
        await run.EndFaultAsync();
        Assert.That(run.Checker.States.LongestNotLive, Is.LessThan(lag.Allow(TimeSpan.FromSeconds(5))), "nobody waits for it");
        await run.Writers.WriteMoreAsync(300);
        await open.ExecuteAsync("commit");
        await unrelated.ExecuteAsync("commit");

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero);
    }

    [Test]
    public async Task Snapshot_TakenBeforeTheServiceRegisters_WritesAfterItAndCounts()
    {
        await using var database = await TestDatabase.CreateAsync();
        await FaultStatements.PrepareAsync(database);
        await using var early = await database.OpenAsync();
        await early.ExecuteAsync("begin isolation level repeatable read");
        await early.QueryAsync<long>("select count(*) from tweet.activity");

        await using var run = await FaultRun.StartPreparedAsync(
            "a snapshot from before the service's start writes", database, () => FaultService.StartHereAsync(database.ConnectionString));
        await early.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message where message = 'calm'");
        await run.Writers.WriteMoreAsync(100);
        await early.ExecuteAsync("commit");

        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task PreparedTransaction_CommittedLater_CountsThen()
    {
        // Where transactions may be prepared, no writer is made to ring: one that has rung could not be prepared.
        await using var server = await PrivateServer.StartAsync(("max_prepared_transactions", "10"));
        await using var run = await FaultRun.StartAsync("prepared transactions, one committed and one rolled back later", server);

        await PrepareAsync(server, "one");
        await PrepareAsync(server, "other");
        await run.Writers.WriteMoreAsync(200);
        await server.TerminateServiceAsync();
        await run.EndFaultAsync();
        await server.ExecuteAsync("rollback prepared 'other'");
        await server.ExecuteAsync("commit prepared 'one'");

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero);
    }

    private static Task PrepareAsync(PrivateServer server, string name) => server.ExecuteAsync(
        $"begin; insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message where message = 'calm'; prepare transaction '{name}'");

    private static async Task<NpgsqlConnection> OpenOnServerAsync()
    {
        var connection = new NpgsqlConnection(TestServer.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
