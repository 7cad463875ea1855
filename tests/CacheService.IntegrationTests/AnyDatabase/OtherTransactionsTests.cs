using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Which open transactions the start waits for, and what a sleeping cache means for those that are to be prepared.</summary>
[Parallelizable(ParallelScope.Children)]
internal sealed class OtherTransactionsTests
{
    private const string Retweet = "insert into tweet.activity (messageid, action) values (1, 'rt')";

    [Test]
    public async Task Start_WithTransactionsOfAnotherDatabaseOpen_DoesNotWaitForThem()
    {
        await using var server = await StartServerAsync();
        await using var database = await TrialDatabase.CreateAsync(server: server);
        var other = await database.CreateOtherAsync("other");
        await other.ExecuteAsync("create table t (n int)");
        await using var open = await other.OpenAsync();
        await open.ExecuteAsync("begin; insert into t values (1)");
        await other.ExecuteAsync("begin; insert into t values (2); prepare transaction 'elsewhere'");
        await using var reading = await other.OpenAsync();
        await reading.ExecuteAsync("begin isolation level serializable; select pg_current_xact_id()");

        try
        {
            await using var trial = await Trial.StartAsync(database);
            await trial.RetweetAsync();
            await trial.ExactAsync("a retweet", Trial.Mends);
            await trial.FinishAsync();
        }
        finally
        {
            await open.ExecuteAsync("rollback");
            await reading.ExecuteAsync("rollback");
            await other.ExecuteAsync("rollback prepared 'elsewhere'");
        }
    }

    [Test]
    public async Task Start_WithAPreparedTransactionOfThisDatabase_WaitsForItAndSaysSo()
    {
        await using var server = await StartServerAsync();
        await using var database = await TrialDatabase.CreateAsync(server: server);
        await database.ExecuteAsync($"begin; {Retweet}; prepare transaction 'mine {database.Name}'");
        await using var trial = await Trial.StartWithoutWaitingAsync(database, database.AsCounts);

        await AssertWaitsAsync(trial, "prepared");
        await trial.DoAsync($"commit prepared 'mine {database.Name}'");

        await trial.ExactAsync("commit prepared", Trial.MendedByHand);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Start_WithATransactionOfThisDatabaseOpen_WaitsForItAndTheLogIsTrimmedMeanwhile()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var open = await database.OpenAsync();
        await open.ExecuteAsync($"begin; {Retweet}");
        await using var trial = await Trial.StartWithoutWaitingAsync(database, database.AsCounts, "--Feed:LeaseDuration=00:00:03");
        await AssertWaitsAsync(trial, $"pid {await open.QueryAsync<int>("select pg_backend_pid()")}");

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select 1, 'fav' from generate_series(1, 500)");
        await Wait.UntilAsync(
            () => database.QueryAsync<bool>("select not exists (select from twcache.change)"), RunningService.Patience, "what a cache that has not loaded will count itself is trimmed");
        Assert.That((await trial.Service.Client.GetStatusAsync(new GetStatusRequest())).State, Is.EqualTo(FeedState.Syncing));
        await trial.DoAsync("commit", () => open.ExecuteAsync("commit"));

        await trial.ExactAsync("commit", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task PrepareTransaction_BesideASleepingCache_NeverFails()
    {
        const int Times = 30;
        await using var server = await StartServerAsync();
        await using var database = await TrialDatabase.CreateAsync(server: server);
        await using var trial = await Trial.StartWithoutWaitingAsync(database, database.AsCounts);
        await trial.ExactAsync("the start", Trial.MendedByHand);
        for (var n = 0; n < Times; n++)
        {
            // A cache falls asleep some milliseconds after the last change.
            await Pause.ForAsync(TimeSpan.FromMilliseconds(50));
            await trial.DoAsync($"begin; {Retweet}; prepare transaction 'p{n} {database.Name}'");
            await trial.DoAsync(n % 2 == 0 ? $"commit prepared 'p{n} {database.Name}'" : $"rollback prepared 'p{n} {database.Name}'");
        }

        await trial.ExactAsync("prepared transactions", Trial.Mends);
        await trial.FinishAsync();
    }

    /// <summary>A server that allows prepared transactions.</summary>
    private static Task<PrivateServer> StartServerAsync() => PrivateServer.StartAsync(("max_prepared_transactions", "10"));

    private static async Task AssertWaitsAsync(Trial trial, string whatFor)
    {
        var status = new GetStatusResponse();
        await Wait.UntilAsync(
            async () => (status = await trial.Service.Client.GetStatusAsync(new GetStatusRequest())).Detail.Contains(whatFor, StringComparison.Ordinal),
            RunningService.Patience,
            $"the service says that it waits for {whatFor}");
        await TestContext.Progress.WriteLineAsync($"waits: {status.Detail}");
        Assert.That(status.State, Is.EqualTo(FeedState.Syncing));
    }
}
