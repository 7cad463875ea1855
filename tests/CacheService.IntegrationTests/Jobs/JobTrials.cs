using System.Collections.Concurrent;
using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;
using Job = CacheService.Jobs.Job;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>What takes minutes: many slots beside services that are killed, and an expiry of a million messages beside writers. Each prints its figures.</summary>
[Explicit("takes minutes of all processors")]
internal sealed class JobTrials
{
    private const int Views = 4;

    private static readonly TimeSpan Trial = TimeSpan.FromSeconds(270);
    private static readonly TimeSpan KillPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongPatience = TimeSpan.FromMinutes(10);

    /// <summary>Three services, four jobs due each second, and every two seconds one service killed and started again.</summary>
    [Test]
    public async Task Slots_OfThreeServicesThatAreKilled_HaveOneRowEach()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(20);
        for (var view = 0; view < Views; view++)
        {
            await database.ExecuteAsync($"create materialized view public.view{view} as select 1 as n, pg_sleep(0.12)::text as slept");
        }

        string[] settings = [$"--ConnectionStrings:Postgres={database.ConnectionString}", "--Jobs:Enabled=true"];
        var services = Enumerable.Range(0, 3).Select(_ => ServiceProcess.Start(settings)).ToArray();
        try
        {
            string[] jobs = ["refresh-mat-views", "roll-up", "daily-report", "audit"];
            await Wait.UntilAsync(async () => await database.QueryAsync<long>("select count(*) from twjobs.service, twjobs.job where job.name = 'roll-up'") == 3, LongPatience, "all run jobs");
            await database.ExecuteAsync("update twjobs.job set schedule = '* * * * * *', misfire = case name when 'daily-report' then 'all' else 'latest' end, slots_until = clock_timestamp() where name <> 'expire-messages'");
            var (started, kills, random) = (Stopwatch.GetTimestamp(), 0, new Random(1951));
            while (Stopwatch.GetElapsedTime(started) < Trial)
            {
                await Pause.ForAsync(KillPause);
                var victim = random.Next(services.Length);
                // By SIGKILL.
                await services[victim].DisposeAsync();
                services[victim] = ServiceProcess.Start(settings);
                kills++;
            }

            await database.ExecuteAsync("update twjobs.job set schedule = null");
            await Wait.UntilAsync(async () => !await database.QueryAsync<bool>("select exists (select from twjobs.run where state = 'running' or wants_resume)"), LongPatience, "all have ended");
            var states = await database.QueryAsync<string>("select string_agg(format('%s %s', n, s), ', ' order by s) from (select state || case when trigger = 'resume' then ' (resumed)' else '' end as s, count(*) as n from twjobs.run group by 1) as t");
            var slots = await database.QueryAsync<long>("select sum(slots)::bigint from twjobs.run where trigger = 'schedule'");
            var fromCursor = await database.QueryAsync<long>("select count(*) from twjobs.run where trigger = 'resume' and first_cursor is not null");
            await TestContext.Progress.WriteLineAsync($"{slots} slots, {kills} kills: {states}; {fromCursor} resumed from a cursor");
            foreach (var job in jobs)
            {
                Assert.That(await SlotLedger.FaultsAsync(database, job), Is.Empty, job);
            }

            Assert.That(slots, Is.GreaterThanOrEqualTo(1_000));
            Assert.That(fromCursor, Is.Positive);
            Assert.That(
                await database.QueryAsync<long>($"select count(*) from twjobs.run r join twjobs.job j using (jobid) where j.name = 'refresh-mat-views' and state = 'succeeded' and (numbers ->> 'refreshed_views')::int <> {Views}"),
                Is.Zero, "each view once, whoever refreshed it");
            Assert.That(
                await database.QueryAsync<long>("select count(*) from twjobs.run l where state = 'lost' and not exists (select from twjobs.run f where f.of_run = l.runid) and detail not like '%not resumed any more'"), Is.Zero, "what was lost was resumed");
        }
        finally
        {
            foreach (var service in services)
            {
                await service.DisposeAsync();
            }
        }
    }

    /// <summary>Three services that have slept for 10,000 slots, and run them all.</summary>
    [Test]
    public async Task TenThousandSlots_ThatWereMissed_AreAllRunOnce()
    {
        await using var database = await TestDatabase.CreateAsync();
        Job[] jobs = [new ScriptedJob("tick", run => run.BatchAsync(async batch =>
        {
            await using var insert = batch.Command("insert into public.tick values ($1)", new NpgsqlParameter<DateTimeOffset> { TypedValue = run.DueAt });
            await insert.ExecuteNonQueryAsync(run.Stopping);
        }))];
        await using var one = await JobsHost.StartAsync(database.ConnectionString, jobs);
        await using var two = await JobsHost.StartAsync(database.ConnectionString, jobs);
        await using var three = await JobsHost.StartAsync(database.ConnectionString, jobs);
        await database.ExecuteAsync("create table public.tick (slot timestamptz primary key)");
        var started = Stopwatch.GetTimestamp();
        await database.ExecuteAsync("update twjobs.job set schedule = '* * * * * *', misfire = 'all', slots_until = clock_timestamp() - interval '10000 seconds' where name = 'tick'");
        var told = 0L;
        await Wait.UntilAsync(
            async () =>
            {
                var run = await database.QueryAsync<long>("select count(*) from public.tick");
                if (run / 1_000 > told)
                {
                    told = run / 1_000;
                    await TestContext.Progress.WriteLineAsync($"{run} slots after {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s");
                }

                return run >= 10_000;
            },
            LongPatience,
            "10,000 slots are run");
        var took = Stopwatch.GetElapsedTime(started);
        await one.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "tick", Schedule = "" });
        await Wait.UntilAsync(async () => !await database.QueryAsync<bool>("select exists (select from twjobs.run where state = 'running' or wants_resume)"), LongPatience, "all have ended");
        var shares = await database.QueryAsync<string>("select string_agg(n::text, ', ') from (select count(*) as n from twjobs.run where state = 'succeeded' group by service) as t");
        await TestContext.Progress.WriteLineAsync($"10,000 slots in {took.TotalSeconds:F0} s, by service: {shares}");
        Assert.That(await SlotLedger.FaultsAsync(database, "tick"), Is.Empty);
        Assert.That(
            await database.QueryAsync<long>("select count(*) from public.tick"),
            Is.EqualTo(await database.QueryAsync<long>("select count(*) from twjobs.run join twjobs.job using (jobid) where name = 'tick' and state = 'succeeded'")),
            "what was done is what was entered; "
            + await database.QueryAsync<string>("select string_agg(concat_ws(' ', n, name, state, trigger, detail), '; ') from (select count(*) as n, name, state, trigger, max(detail) as detail from twjobs.run join twjobs.job using (jobid) group by 2, 3, 4) as t"));
    }

    /// <summary>A million messages expire while others are written to, a tenth of the writes to messages that go.</summary>
    [Test]
    public async Task ExpireMessages_OfAMillion_BesideAThousandTransactionsASecond_HoldsUpNobody()
    {
        const int Old = 1_000_000;
        const int Fresh = 20_000;
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.ExecuteAsync(
            $"""
            insert into tweet.users (uname) values ('Puck');
            insert into tweet.message (userid, message, datetime) select userid, 'm', now() - case when n <= {Old} then interval '100 days' else interval '0' end from tweet.users, generate_series(1, {Old + Fresh}) n;
            insert into tweet.activity (messageid, action) select n, 'rt' from generate_series(1, {Old + Fresh}) n;
            analyze tweet.message, tweet.activity;
            """);
        await using var service = await JobsHost.StartAsync(database.ConnectionString, [], "--Feed:LoadTimeout=00:05:00");
        using var over = new CancellationTokenSource();
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true }, cancellationToken: over.Token);
        var removed = 0L;
        var reading = CountRemovalsAsync(watch.ResponseStream, count => Interlocked.Add(ref removed, count));

        using var writing = new CancellationTokenSource();
        var waits = new ConcurrentQueue<(double Milliseconds, bool WithJob)>();
        var isRunning = false;
        var refused = 0;
        var writers = Enumerable.Range(0, 10).Select(seed => Task.Run(() => WriteAsync(database, seed, Old, Fresh, wait => waits.Enqueue((wait, Volatile.Read(ref isRunning))), () => Interlocked.Increment(ref refused), writing.Token))).ToList();
        await Pause.ForAsync(TimeSpan.FromSeconds(15));

        Volatile.Write(ref isRunning, true);
        var started = Stopwatch.GetTimestamp();
        var id = await service.StartJobAsync("expire-messages", ("older_than", "90 days"));
        GetRunResponse run = null!;
        await Wait.UntilAsync(async () => (run = await service.GetRunAsync(id)).Run.State != JobRunState.Running, LongPatience, "all are expired");
        var took = Stopwatch.GetElapsedTime(started);
        Volatile.Write(ref isRunning, false);
        await writing.CancelAsync();
        await Task.WhenAll(writers);

        var (before, during) = (waits.Where(wait => !wait.WithJob).Select(wait => wait.Milliseconds).Order().ToList(), waits.Where(wait => wait.WithJob).Select(wait => wait.Milliseconds).Order().ToList());
        await TestContext.Progress.WriteLineAsync(
            $"{run.Run.State} after {took.TotalSeconds:F0} s: {string.Join(", ", run.Run.Numbers)}; {run.Log.Count} lines of log. "
            + $"Writers without the job: {before.Count} transactions, {Words(before)}; beside it: {during.Count}, {during.Count / took.TotalSeconds:F0}/s, {Words(during)}; {refused} refused, because their message was gone");
        Assert.That((run.Run.State, run.Run.Numbers["deleted_messages"]), Is.EqualTo((JobRunState.Succeeded, (long)Old)));
        await service.AssertEqualsViewAsync(database);
        await Wait.UntilAsync(() => Interlocked.Read(ref removed) == Old, JobsHost.Patience, "watchers hear of all removals");
        await over.CancelAsync();
        await reading;
        Assert.That(during[^1], Is.LessThan(100), "the longest wait");
    }

    private static string Words(List<double> ascending) =>
        $"p50 {ascending[ascending.Count / 2]:F1} ms, p99 {ascending[(int)(ascending.Count * 0.99)]:F1} ms, p99.9 {ascending[(int)(ascending.Count * 0.999)]:F1} ms, longest {ascending[^1]:F1} ms";

    private static async Task WriteAsync(TestDatabase database, int seed, int old, int fresh, Action<double> waited, Action refused, CancellationToken ending)
    {
        var random = new Random(seed);
        await using var connection = await database.OpenAsync();
        await using var insert = new NpgsqlCommand("insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message where messageid = $1", connection) { Parameters = { new NpgsqlParameter<long>() } };
        await insert.PrepareAsync(CancellationToken.None);
        // Of ten writers each does its share of a thousand a second.
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!ending.IsCancellationRequested)
        {
            await tick.WaitForNextTickAsync(CancellationToken.None);
            ((NpgsqlParameter<long>)insert.Parameters[0]).TypedValue = random.Next(10) == 0 ? random.Next(1, old + 1) : random.Next(old + 1, old + fresh + 1);
            var started = Stopwatch.GetTimestamp();
            try
            {
                await insert.ExecuteNonQueryAsync(CancellationToken.None);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
            {
                refused();
            }

            waited(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
    }

    private static async Task CountRemovalsAsync(IAsyncStreamReader<WatchCountsResponse> updates, Action<int> removed)
    {
        try
        {
            while (await updates.MoveNext(CancellationToken.None))
            {
                removed(updates.Current.RemovedMessageIds.Count);
            }
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
        {
            // The trial is over.
        }
    }
}
