using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>What the jobs do that the service brings along.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class BuiltInJobsTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await JobsHost.StartAsync(_database.ConnectionString, [], "--Feed:Log=Change");
        await _database.AddMessagesAsync(20);
        // By hand only, so that a test's own runs are all that there are.
        await _service.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "refresh-mat-views", Schedule = "" });
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task RefreshMatViews_WithOneThatFails_RefreshesTheOthersAndTriesItAgainWhenItIsMended()
    {
        await _database.ExecuteAsync(
            """
            create table public.divisor (n int);
            insert into public.divisor values (1);
            create materialized view public."Sales" as select n, 10 / n as q from public.divisor;
            create materialized view public.visits as select n from public.divisor;
            create unique index on public.visits (n);
            update public.divisor set n = 0;
            """);
        var run = await RunAsync("refresh-mat-views");
        Assert.That((run.Run.State, run.Run.Numbers["refreshed_views"], run.Run.Numbers["failed_views"]), Is.EqualTo((JobRunState.Incomplete, 1L, 1L)));
        Assert.That(run.Items.Select(item => (item.Key, item.State, item.Error.Contains("division by zero"))), Is.EqualTo(new[] { ("public.\"Sales\"", JobItemState.Failed, true), ("public.visits", JobItemState.Done, false) }));
        Assert.That(run.Items[1].After, Does.Contain("\"concurrently\": true"));
        Assert.That(await _database.QueryAsync<int>("select n from public.visits"), Is.Zero);

        await _database.ExecuteAsync("update public.divisor set n = 5");
        var retry = await _service.WaitForEndAsync((await _service.Jobs().RetryItemsAsync(new RetryItemsRequest { RunId = run.Run.Id })).Run.Id);
        Assert.That(retry.Run.State, Is.EqualTo(JobRunState.Succeeded));
        Assert.That((await _service.GetRunAsync(run.Run.Id)).FailedItems, Is.Zero);
        Assert.That(await _database.QueryAsync<int>("select q from public.\"Sales\""), Is.EqualTo(2));

        var dry = await RunAsync("refresh-mat-views", isDryRun: true, ("views", "public.visits"));
        Assert.That(dry.Log.Select(line => line.Text), Is.EqualTo(new[] { "refresh materialized view concurrently public.visits" }));
        Assert.That((await RunAsync("refresh-mat-views", isDryRun: false, ("views", "public.nowhere"))).Run.Detail, Does.Contain("there is no materialized view public.nowhere"));
    }

    [Test]
    public async Task RollUp_WritesTheCountsBack()
    {
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select 1, 'rt' from generate_series(1, 7)");
        var run = await RunAsync("roll-up");
        Assert.That(run.Run.State, Is.EqualTo(JobRunState.Succeeded), run.Run.Detail);
        Assert.That(
            await _database.QueryAsync<bool>("select (select rts from twcache.counters where messageid = 1) = (select rts from tweet.message_with_counters where messageid = 1)"));
        Assert.That((await RunAsync("roll-up", isDryRun: true)).Run.Numbers.Keys, Is.EqualTo(new[] { "pending_changes" }));
    }

    [Test]
    public async Task Audit_WithADifference_ReportsItAsAnItem()
    {
        // Somebody takes a row out of the log.
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'fav'); delete from twcache.change where xid = pg_current_xact_id()");
        var run = await RunAsync("audit");
        Assert.That((run.Run.State, run.Run.Numbers["differences"], run.Run.Numbers["repaired"]), Is.EqualTo((JobRunState.Succeeded, 1L, 1L)), run.Run.Detail);
        Assert.That(run.Items.Select(item => (item.Key, item.Before, item.After)), Is.EqualTo(new[] { ("message 2", """{"likes": 0, "retweets": 0}""", """{"likes": 1, "retweets": 0}""") }));
        Assert.That((await RunAsync("audit", isDryRun: true)).Run.Numbers, Is.Empty);
    }

    [Test]
    public async Task DailyReport_OfADay_IsKeptAsTextAndAsCsv()
    {
        await _database.ExecuteAsync(
            """
            insert into tweet.activity (messageid, action, datetime)
            select 3, a::tweet.action_t, date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '1 minute' from unnest('{rt,rt,rt,de-rt,fav}'::text[]) a
            """);
        var run = await RunAsync("daily-report");
        Assert.That(run.Run.Numbers, Is.EquivalentTo(new Dictionary<string, long> { ["retweets"] = 3, ["undone_retweets"] = 1, ["likes"] = 1, ["undone_likes"] = 0 }), run.Run.Detail);
        var yesterday = await _database.QueryAsync<string>("select to_char((now() at time zone 'UTC')::date - 1, 'YYYY-MM-DD')");
        Assert.That(run.Outputs, Is.EqualTo(new[] { $"{yesterday}.csv", $"{yesterday}.txt" }));
        var csv = (await _service.Jobs().GetOutputAsync(new GetOutputRequest { RunId = run.Run.Id, Name = $"{yesterday}.csv" })).Content.TrimEnd().Split('\n');
        Assert.That((csv.Length, csv[0], csv[^1]), Is.EqualTo((9, "day,retweets,undone_retweets,likes,undone_likes", $"{yesterday},3,1,1,0")));
        Assert.That((await RunAsync("daily-report", isDryRun: true)).Outputs, Is.Empty);
    }

    [Test]
    public async Task ExpireMessages_BesideOthers_DeletesWhatIsTooOldAndWatchersHearOfIt()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await JobsHost.StartAsync(database.ConnectionString, []);
        await database.AddMessagesAsync(10);
        await database.ExecuteAsync(
            """
            insert into tweet.message (userid, message, datetime) select userid, 'old', now() - interval '100 days' from tweet.users, generate_series(1, 500);
            insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message;
            create table public.pinned (messageid bigint references tweet.message);
            insert into public.pinned select max(messageid) from tweet.message;
            """);
        await service.AssertEqualsViewAsync(database);
        using var over = new CancellationTokenSource();
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true }, cancellationToken: over.Token);
        var removed = new HashSet<long>();
        var reading = ReadRemovalsAsync(watch.ResponseStream, removed);

        Assert.That((await RunAsync(service, "expire-messages")).Run.Detail, Does.Contain("older_than"));
        Assert.That((await RunAsync(service, "expire-messages", isDryRun: false, ("older_than", "long"))).Run.Detail, Does.Contain("no interval"));
        Assert.That((await RunAsync(service, "expire-messages", isDryRun: true, ("older_than", "90 days"))).Run.Numbers["would_delete_messages"], Is.EqualTo(500));
        Assert.That(await database.QueryAsync<long>("select count(*) from tweet.message"), Is.EqualTo(510));

        var run = await RunAsync(service, "expire-messages", isDryRun: false, ("older_than", "90 days"), ("max_load", "1"));
        Assert.That((run.Run.State, run.Run.Numbers["deleted_messages"], run.Run.Numbers["deleted_activity"]), Is.EqualTo((JobRunState.Incomplete, 499L, 499L)), run.Run.Detail);
        Assert.That(run.Items.Select(item => (item.Key, item.State)), Is.EqualTo(new[] { ("510", JobItemState.Failed) }), "something else refers to it");
        await service.AssertEqualsViewAsync(database);
        await Wait.UntilAsync(() => { lock (removed) { return removed.Count == 499; } }, JobsHost.Patience, "watchers hear of all removals");

        await database.ExecuteAsync("delete from public.pinned");
        var retry = await service.WaitForEndAsync((await service.Jobs().RetryItemsAsync(new RetryItemsRequest { RunId = run.Run.Id })).Run.Id);
        Assert.That(retry.Run.State, Is.EqualTo(JobRunState.Succeeded));
        Assert.That(await database.QueryAsync<long>("select count(*) from tweet.message"), Is.EqualTo(10));
        await service.AssertEqualsViewAsync(database);
        await over.CancelAsync();
        await reading;
    }

    private Task<GetRunResponse> RunAsync(string job, bool isDryRun = false, params (string Name, string Value)[] parameters) => RunAsync(_service, job, isDryRun, parameters);

    private static async Task<GetRunResponse> RunAsync(RunningService service, string job, bool isDryRun = false, params (string Name, string Value)[] parameters)
    {
        var request = new StartJobRequest { Job = job, DryRun = isDryRun };
        foreach (var (name, value) in parameters)
        {
            request.Parameters.Add(name, value);
        }

        return await service.WaitForEndAsync((await service.Jobs().StartJobAsync(request)).Run.Id);
    }

    private static async Task ReadRemovalsAsync(IAsyncStreamReader<WatchCountsResponse> updates, HashSet<long> removed)
    {
        try
        {
            while (await updates.MoveNext(CancellationToken.None))
            {
                lock (removed)
                {
                    removed.UnionWith(updates.Current.RemovedMessageIds);
                }
            }
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
        {
            // The test is over.
        }
    }
}
