using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Tool;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Auditing;

/// <summary>What was changed behind the triggers is found, told, repaired, and heard by who watches, while others write.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class UnrecordedChangesTests
{
    private static IEnumerable<TestCaseData> Drifts =>
    [
        Drift("Inserts", Unrecorded("insert into tweet.activity (messageid, action) select 7, 'fav' from generate_series(1, 3)"), 7),
        Drift("Deletes", Unrecorded("delete from tweet.activity where messageid = 8 and action = 'fav'"), 8),
        Drift("Updates", Unrecorded("update tweet.activity set messageid = 10 where messageid = 9 and action = 'fav'"), 9, 10),
        Drift("MessageInserted", Unrecorded("insert into tweet.message (messageid, userid, message) values (900, 1, 'x'), (901, 1, 'y'); insert into tweet.activity (messageid, action) values (900, 'rt')"), 900, 901),
        Drift("MessageDeleted", Unrecorded("delete from tweet.activity where messageid = 11; delete from tweet.message where messageid = 11"), 11),
        Drift("OrphansLeft", Unrecorded("delete from tweet.message where messageid = 11"), 11),
        Drift("ManyMessages", Unrecorded("insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message"), [.. Enumerable.Range(1, 50).Select(id => (long)id)]),
    ];

    [TestCaseSource(nameof(Drifts))]
    public async Task Drift_WhileOthersWrite_IsFoundAndRepairedAndHeard(string drift, long[] messageIds)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(50);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message, generate_series(1, 2)");
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { service.GrpcAddress } });
        await using var mirror = client.StartMirror(WatchOptions.All);
        await mirror.WaitUntilSyncedAsync();
        var epoch = (await client.GetStatusAsync()).Epoch;

        var writing = PacedWriter.WriteAsync(
            database, perSecond: 300, TimeSpan.FromSeconds(1), clients: 3, "insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message where messageid <= 50 and messageid % 10 = $1 % 10 and messageid not in (11, 12)");
        await database.ExecuteAsync(drift);
        var audit = await client.AuditNowAsync();

        Assert.That(audit.FirstDifferences.Select(difference => difference.MessageId), Is.EqualTo(messageIds));
        Assert.That((audit.Differences, audit.Repaired), Is.EqualTo(((long)messageIds.Length, (long)messageIds.Length)));
        Assert.That(audit.TriggersWarning, Is.Empty);
        var logged = service.Log.Entries.Single(entry => entry.EventName == "AuditDifferences").Message;
        Assert.That(logged, Does.Contain($" {messageIds[0]} has ").And.Contain(" instead of "));
        Assert.That(logged.Split(" instead of ").Length - 1, Is.EqualTo(Math.Min(20, messageIds.Length)), "not all keys in a line");

        Assert.That(await writing, Is.Positive);
        await service.AssertEqualsViewAsync(database);
        var view = await database.ReadViewAsync();
        await Wait.UntilAsync(
            () => mirror.ToDictionary(counts => counts.MessageId, counts => (counts.Retweets, counts.Likes)).OrderBy(entry => entry.Key).SequenceEqual(view.OrderBy(entry => entry.Key)),
            RunningService.Patience,
            "the watcher has heard the repair");

        var status = await client.GetStatusAsync();
        Assert.That((status.Audits, status.AuditDifferences), Is.EqualTo((1UL, (ulong)messageIds.Length)));
        Assert.That(status.LastAuditAt, Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromSeconds(30)));
        Assert.That(status.LastAuditDuration, Is.GreaterThan(TimeSpan.Zero));
        Assert.That(status.Epoch, Is.EqualTo(epoch), "repaired, not loaded afresh");
        Assert.That((await client.AuditNowAsync()).Differences, Is.Zero, "once is enough");
    }

    [Test]
    public async Task Differences_OfEachKind_TellBothSides()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
        await database.ExecuteAsync(Unrecorded("insert into tweet.activity (messageid, action) values (1, 'rt'); delete from tweet.message where messageid = 2; insert into tweet.message (messageid, userid, message) values (4, 1, 'x')"));

        var run = await ToolRun.RunAsync("audit", "--address", service.GrpcAddress.ToString());

        // What the cache had, then what the database has.
        Assert.That(run.OutputLines, Is.EqualTo(new[] { "1\t0\t1\t1\t1", "2\t0\t0", "4\t\t\t0\t0" }), run.Error);
        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain("4 messages compared in ").And.Contain(": 3 differed, 3 of those corrected"));

        var again = await ToolRun.RunAsync("audit", "--address", service.GrpcAddress.ToString());
        Assert.That((again.ExitCode, again.Output), Is.EqualTo((0, "")));
    }

    [Test]
    public async Task ManyMessages_GoneBehindTheTriggers_AreFound()
    {
        const int Messages = 2500;
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Limits:MaxTombstones=100");
        await database.AddMessagesAsync(Messages);
        await service.AssertEqualsViewAsync(database);
        await database.ExecuteAsync(Unrecorded("delete from tweet.message"));
        await database.AddMessagesAsync(5);

        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());

        Assert.That((audit.Differences, audit.Repaired), Is.EqualTo((Messages, Messages)));
        Assert.That(audit.FirstDifferences.Select(difference => difference.MessageId), Is.EqualTo(Enumerable.Range(1, 1000)));
        await service.AssertEqualsViewAsync(database);
    }

    /// <summary>What the cache remembers of a message that does not exist may be a part of the difference, or not.</summary>
    [Test]
    public async Task Message_ThatCameUnnoticedAfterItsActivity_IsLoadedAfresh()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("set local session_replication_role = replica; insert into tweet.activity (messageid, action) values (900, 'rt'), (900, 'fav')");
        await service.AssertEqualsViewAsync(database);
        await database.ExecuteAsync(Unrecorded("insert into tweet.message (messageid, userid, message) values (900, 1, 'late')"));
        var loads = service.Log.Count("CountsLoaded");

        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());

        Assert.That(audit.FirstDifferences.Select(difference => difference.MessageId), Is.EqualTo(new[] { 900L }));
        await Wait.UntilAsync(() => service.Log.Count("CountsLoaded") == loads + 1, RunningService.Patience, "everything is loaded afresh");
        await service.AssertEqualsViewAsync(database);
        Assert.That((await service.Client.AuditNowAsync(new AuditNowRequest())).Differences, Is.Zero);
    }

    [Test]
    public async Task Audit_WhileTriggersAreOff_SaysWhichInsteadOfComparing()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(2);
        await database.ExecuteAsync("alter table tweet.activity disable trigger twcache_activity_insert; drop trigger twcache_message_key on tweet.message");

        await Wait.UntilAsync(
            async () =>
            {
                var run = await ToolRun.RunAsync("audit", "--address", service.GrpcAddress.ToString());
                return run.ExitCode != 0 && run.Error.Contains("twcache_activity_insert") && run.Error.Contains("twcache_message_key");
            },
            RunningService.Patience,
            "an audit says what is wrong");
    }

    /// <summary>Changes of which the log knows nothing afterwards, and no foreign key either.</summary>
    private static string Unrecorded(string changes) =>
        $"set local session_replication_role = replica; {changes}; delete from twcache.change where xid = pg_current_xact_id()";

    private static TestCaseData Drift(string name, string sql, params long[] messageIds) => new TestCaseData(sql, messageIds).SetName($"{{m}}({name})");
}
