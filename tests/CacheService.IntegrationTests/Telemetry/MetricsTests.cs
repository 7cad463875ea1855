using CacheService.IntegrationTests.Infrastructure;
using CacheService.Metrics;
using CacheService.Telemetry;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>What <c>GET /metrics</c> tells is what was done.</summary>
// Beside other fixtures: each test has a service that is a process of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed class MetricsTests
{
    private static readonly ReadOptions Strong = new() { Strong = true };

    // So long that nothing trims the change log in a test.
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    private TestDatabase _database = null!;
    private ScrapedService _service = null!;

    private TweetCountsService.TweetCountsServiceClient Client => _service.Client;

    [SetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        await _database.ApplySchemaAsync();
        await _database.AddMessagesAsync(3);
        _service = await ScrapedService.StartAsync(_database.ConnectionString, "--Rollup:Interval=00:00:00.3", "--Audit:Interval=00:00:00", $"--Feed:LeaseDuration={Lease}", "--Feed:StaleAfter=00:01:00");
    }

    [TearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Reads_AfterSome_AreCountedByMethodAndRequirement()
    {
        for (var i = 0; i < 5; i++)
        {
            await Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 });
        }

        await Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = Strong });
        await Client.GetCountsAsync(new GetCountsRequest { MessageId = 2, Read = Strong });
        await Client.GetCountsAsync(new GetCountsRequest { MessageId = 2, Read = new ReadOptions { MaxAge = Duration.FromTimeSpan(TimeSpan.Zero) } });
        await Client.GetCountsAsync(new GetCountsRequest { MessageId = 2, Read = new ReadOptions { MaxAge = Duration.FromTimeSpan(TimeSpan.FromHours(1)) } });
        await Client.GetCountsAsync(new GetCountsRequest { MessageId = 2, Read = new ReadOptions { Source = ReadSource.Database } });
        await Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 1, 2 } });
        await Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 1, 2 }, Read = new ReadOptions { AtLeastXid = await LastXidAsync() } });
        await Client.ListTopCountsAsync(new ListTopCountsRequest());
        await Client.GetMessageAsync(new GetMessageRequest { MessageId = 3 });
        await Client.GetMessageAsync(new GetMessageRequest { MessageId = 3 });
        await Assert.ThrowsAsync<RpcException>(async () => await Client.GetCountsAsync(new GetCountsRequest { MessageId = 4 }));
        await Assert.ThrowsAsync<RpcException>(async () => await Client.BatchGetCountsAsync(new BatchGetCountsRequest()));

        var expected = new Dictionary<(string, string), double>
        {
            [("get_counts", "none")] = 6,
            [("get_counts", "strong")] = 2,
            [("get_counts", "max_age")] = 2,
            [("get_counts", "database")] = 1,
            [("batch_get_counts", "none")] = 2,
            [("batch_get_counts", "at_least_xid")] = 1,
            [("list_top_counts", "none")] = 1,
            [("get_message", "none")] = 2,
        };
        Dictionary<(string, string), double> found = [];
        Scrape scrape = null!;
        await UntilAsync(
            now =>
            {
                scrape = now;
                found = now.Samples.Where(sample => sample.Name == "tweetcounts_reads_total" && sample.Value > 0).ToDictionary(sample => (sample.Labels["method"], sample.Labels["requirement"]), sample => sample.Value);
                return found.Values.Sum() >= expected.Values.Sum();
            },
            "all reads are counted");
        Assert.That(found, Is.EquivalentTo(expected));
        foreach (var (requirement, waits) in ((string, double)[])[("strong", 2), ("max_age", 1), ("at_least_xid", 1)])
        {
            Assert.That(scrape.Sum("tweetcounts_read_wait_duration_seconds_count", ("requirement", requirement)), Is.EqualTo(waits), requirement);
        }

        Assert.That(scrape.Sum("tweetcounts_call_errors_total", ("code", "not_found")), Is.EqualTo(1));
        Assert.That(scrape.Sum("tweetcounts_call_errors_total", ("code", "invalid_argument")), Is.EqualTo(1));
        Assert.That(scrape.Sum("tweetcounts_call_errors_total"), Is.EqualTo(2));
    }

    [Test]
    public async Task Feed_AfterChanges_HasCountedThem()
    {
        await UntilAsync(now => now.Sum("tweetcounts_feed_sleeps_total") >= 1, "it sleeps");
        var before = await _service.ScrapeAsync();
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (1, 'fav'), (2, 'fav')");
        await Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = Strong });
        Scrape after = null!;
        await UntilAsync(
            now =>
            {
                after = now;
                return now.Sum("tweetcounts_feed_changes_total") > before.Sum("tweetcounts_feed_changes_total");
            },
            "the change is counted");
        Assert.That(after.Sum("tweetcounts_feed_changes_total") - before.Sum("tweetcounts_feed_changes_total"), Is.EqualTo(2), "messages that changed");
        Assert.That(after.Sum("tweetcounts_feed_drain_duration_seconds_count"), Is.GreaterThan(before.Sum("tweetcounts_feed_drain_duration_seconds_count")!));
        await UntilAsync(now => now.Sum("tweetcounts_feed_sleeps_total") > before.Sum("tweetcounts_feed_sleeps_total"), "it sleeps again");

        var status = await Client.GetStatusAsync(new GetStatusRequest());
        await UntilAsync(now => now.Sum("tweetcounts_feed_bells_total") == status.Bells, "bells are those of GetStatus");
        Assert.That(status.Bells, Is.GreaterThan(0));
        Assert.That(after.Sum("tweetcounts_counts_messages"), Is.EqualTo(3));
        Assert.That(after.Sum("tweetcounts_feed_state", ("state", "live")), Is.EqualTo(1));
        Assert.That(after.Sum("tweetcounts_feed_state"), Is.EqualTo(1), "one state at a time");
        Assert.That(after.Sum("tweetcounts_counts_age_seconds"), Is.InRange(0, RunningService.Patience.TotalSeconds));
        Assert.That(after.Sum("tweetcounts_feed_ringer"), Is.EqualTo(1));
        Assert.That(after.Sum("tweetcounts_feed_listening"), Is.EqualTo(1));
        Assert.That(after.Sum("tweetcounts_lease_remaining_seconds"), Is.InRange(1, Lease.TotalSeconds + 1), "it is in whole seconds of the server's clock");
        Assert.That(after.Sum("tweetcounts_feed_load_duration_seconds_count"), Is.EqualTo(1));
        await UntilAsync(now => now.Sum("tweetcounts_rollup_age_seconds") is >= 0 and < 30, "the rollup has an age");
        await UntilAsync(now => now.Sum("tweetcounts_change_log_size_bytes") > 0 && now.Sum("tweetcounts_change_log_rows") >= 0, "the log has a size");
    }

    [Test]
    public async Task ChangeLog_ThatNothingTrims_HasItsRows()
    {
        const int Statements = 40;
        for (var i = 0; i < Statements; i++)
        {
            await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
        }

        var (rows, bytes) = (await _database.QueryAsync<long>("select count(*) from twcache.change"), await _database.QueryAsync<long>("select pg_total_relation_size('twcache.change')"));
        Assert.That((rows, bytes), Is.GreaterThanOrEqualTo(((long)Statements, 8192L)));
        await UntilAsync(now => now.Sum("tweetcounts_change_log_rows") == rows && now.Sum("tweetcounts_change_log_size_bytes") == bytes, $"{rows} rows and {bytes} bytes are told");
    }

    [Test]
    public async Task Audits_ThatFindADifference_AreCounted()
    {
        await Client.AuditNowAsync(new AuditNowRequest());
        await UntilAsync(now => now.Sum("tweetcounts_audit_duration_seconds_count") == 1 && now.Sum("tweetcounts_audit_differences_total") == 0, "an audit is counted");

        // Unseen by every drain: what is written is taken out of the log in the same transaction.
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt'); delete from twcache.change where xid = pg_current_xact_id()");
        var audit = await Client.AuditNowAsync(new AuditNowRequest());
        Assert.That(audit.Differences, Is.EqualTo(1));
        await UntilAsync(now => now.Sum("tweetcounts_audit_duration_seconds_count") == 2 && now.Sum("tweetcounts_audit_differences_total") == 1, "the difference is counted");
    }

    [Test]
    public async Task Reloads_Always_AreCountedByReason()
    {
        await Client.ReloadNowAsync(new ReloadNowRequest());
        await UntilAsync(now => now.Sum("tweetcounts_feed_reloads_total", ("reason", "request")) == 1 && now.Sum("tweetcounts_feed_load_duration_seconds_count") == 2, "the load on request is counted");

        await _database.ExecuteAsync("truncate tweet.activity");
        await UntilAsync(now => now.Sum("tweetcounts_feed_load_duration_seconds_count") == 3, "the load after a truncation is counted");
        var scrape = await _service.ScrapeAsync();
        Assert.That(scrape.Sum("tweetcounts_feed_reloads_total"), Is.EqualTo(2));
        Assert.That(scrape.Sum("tweetcounts_feed_reloads_total", ("reason", "truncation")) + scrape.Sum("tweetcounts_feed_reloads_total", ("reason", "baseline")), Is.EqualTo(1));
    }

    [Test]
    public async Task Reconnects_AfterASessionIsKilled_AreCounted()
    {
        Assert.That((await _service.ScrapeAsync()).Sum("tweetcounts_feed_reconnects_total"), Is.Zero);
        await _database.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{_database.Name}' and application_name like '% reader %'");
        await UntilAsync(now => now.Sum("tweetcounts_feed_reconnects_total") == 1 && now.Sum("tweetcounts_feed_state", ("state", "live")) == 1, "it has connected again");
    }

    [Test]
    public async Task Watches_AfterDeliveries_AreCounted()
    {
        using var watch = Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1, 2 } });
        var (messages, counts, coalesced) = (0, 0, 0UL);
        await NextAsync();
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (3, 'rt')");
        await NextAsync();
        await _database.ExecuteAsync("delete from tweet.message where messageid = 2");
        await NextAsync();
        await UntilAsync(
            now => now.Sum("tweetcounts_watch_deliveries_total") == messages && now.Sum("tweetcounts_watch_counts_total") == counts && now.Sum("tweetcounts_watch_coalesced_total") == coalesced
                && now.Sum("tweetcounts_watch_subscriptions") == 1 && now.Sum("tweetcounts_watch_messages") == 2,
            $"{messages} messages with {counts} counts are counted");
        Assert.That((messages, counts), Is.EqualTo((3, 4)));

        watch.Dispose();
        await UntilAsync(now => now.Sum("tweetcounts_watch_subscriptions") == 0 && now.Sum("tweetcounts_watch_messages") == 0, "nobody watches any more");

        async Task NextAsync()
        {
            Assert.That(await watch.ResponseStream.MoveNext(CancellationToken.None));
            messages++;
            counts += watch.ResponseStream.Current.Counts.Count + watch.ResponseStream.Current.RemovedMessageIds.Count;
            coalesced += watch.ResponseStream.Current.Coalesced;
        }
    }

    [Test]
    public async Task Labels_Always_AreThoseThatAreDeclared()
    {
        await Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = Strong });
        await UntilAsync(now => now.Sum("tweetcounts_read_wait_duration_seconds_count") == 1, "a wait is counted");
        var scrape = await _service.ScrapeAsync();
        var declared = Instruments.Tags.Concat(StateMetrics.Tags).SelectMany(instrument => instrument.Value).DistinctBy(tag => tag.Name).ToDictionary(tag => tag.Name, tag => tag.Values);
        foreach (var sample in scrape.Samples.Where(sample => sample.Name.StartsWith("tweetcounts_", StringComparison.Ordinal)))
        {
            foreach (var (name, value) in sample.Labels.Where(label => label.Key is not ("le" or "otel_scope_name")))
            {
                Assert.That(declared.GetValueOrDefault(name), Does.Contain(value), $"{sample.Name}: {name}");
            }
        }

        var everything = string.Join('\n', scrape.Samples.SelectMany(sample => sample.Labels.Values));
        Assert.That(everything, Does.Not.Contain("Host=").And.Not.Contain(_database.Name), "pools are named by their purpose");
        Assert.That(scrape.Names, Is.SupersetOf(new[] { "kestrel_active_connections", "dotnet_process_cpu_time_seconds_total", "db_client_connection_count" }).And.Not.Contain("http_server_request_duration_seconds_count").And.Not.Contain("kestrel_queued_requests"), "nothing measures each call");
    }

    private Task UntilAsync(Func<Scrape, bool> condition, string what) => Wait.UntilAsync(async () => condition(await _service.ScrapeAsync()), RunningService.Patience, what);

    private async Task<ulong> LastXidAsync()
    {
        await using var session = await _database.OpenAsync();
        return ulong.Parse(await session.QueryAsync<string>("select pg_current_xact_id()::text"), System.Globalization.CultureInfo.InvariantCulture);
    }
}
