using System.Diagnostics;
using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;
using FeedState = TweetCounts.V1.FeedState;
using ReadSource = TweetCounts.V1.ReadSource;

namespace CacheService.IntegrationTests.Reading;

/// <summary>Reads that go round the cache: what the tables say, whatever the cache and the feed do.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class DatabaseReadTests
{
    private static readonly ReadOptions FromDatabase = new() { Source = ReadSource.Database };

    private TestDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase() => _database = await TestDatabase.CreateAsync();

    [TearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Reads_OfAllKinds_TellWhatTheTablesSayAndThatTheySayIt()
    {
        await using var service = await StartAsync("--Feed:StaleAfter=00:01:00");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (1, 'rt'), (1, 'de-rt'), (1, 'fav'), (2, 'de-fav')");

        var one = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = FromDatabase });
        Assert.That(one.Counts, Is.EqualTo(new TweetCounts.V1.Counts { MessageId = 1, Retweets = 1, Likes = 1 }));
        AssertFreshness(one.Freshness, FeedState.Live);

        var batch = await service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 2, 999, 1, 2, 1000 }, Read = FromDatabase });
        Assert.That(batch.Counts.Select(counts => (counts.MessageId, counts.Retweets, counts.Likes, counts.Revision)), Is.EqualTo(new (long, long, long, ulong)[] { (2, 0, -1, 0), (1, 1, 1, 0), (2, 0, -1, 0) }));
        Assert.That(batch.MissingMessageIds, Is.EqualTo(new[] { 999L, 1000 }));
        AssertFreshness(batch.Freshness, FeedState.Live);

        var message = await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1, Read = FromDatabase });
        Assert.That((message.Author, message.Text, message.Counts.Retweets, message.Counts.Likes), Is.EqualTo(("Puck", "message 1", 1L, 1L)));
        Assert.That(message.PostedAt.ToDateTimeOffset(), Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(10)));
        AssertFreshness(message.Freshness, FeedState.Live);

        var cached = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true, Source = ReadSource.Cache } });
        Assert.That((cached.Counts.Retweets, cached.Freshness.Source, cached.Freshness.Epoch.Length > 0), Is.EqualTo((1L, ReadSource.Unspecified, true)));
    }

    [Test]
    public async Task Reads_OfNoMessage_AreNotFound()
    {
        await using var service = await StartAsync();
        await AssertFailsAsync(Ask(service, 999), StatusCode.NotFound, "there is no message 999");
        await AssertFailsAsync(service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 999, Read = FromDatabase }).ResponseAsync, StatusCode.NotFound, "there is no message 999");
        await AssertFailsAsync(Ask(service, 0), StatusCode.InvalidArgument, "message_id is 0");
        await AssertFailsAsync(Ask(service, 1, new ReadOptions { Source = (ReadSource)7 }), StatusCode.InvalidArgument, "source is 7; use READ_SOURCE_CACHE or READ_SOURCE_DATABASE");
    }

    [Test]
    public async Task Read_WhereTheCacheIsWrong_IsRightAndLeavesTheCacheAlone()
    {
        await using var service = await StartAsync("--Audit:Interval=0");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt'); delete from twcache.change where xid = pg_current_xact_id()");

        Assert.That((await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3, Read = new ReadOptions { Strong = true } })).Counts.Retweets, Is.Zero, "the cache is wrong");
        Assert.That((await Ask(service, 3)).Counts.Retweets, Is.EqualTo(1));
        Assert.That((await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 3, Read = FromDatabase })).Counts.Retweets, Is.EqualTo(1));
        Assert.That((await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3, Read = new ReadOptions { Strong = true } })).Counts.Retweets, Is.Zero, "an audit mends it, not a read");
    }

    [Test]
    public async Task GetMessage_FromTheDatabase_HasTheTextOfNow()
    {
        await using var service = await StartAsync("--Limits:MessageExpiration=01:00:00");
        Assert.That((await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 2 })).Text, Is.EqualTo("message 2"));
        await _database.ExecuteAsync("update tweet.message set message = 'other', datetime = 'infinity' where messageid = 2");

        var message = await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 2, Read = FromDatabase });
        Assert.That((message.Text, message.PostedAt), Is.EqualTo(("other", (Timestamp?)null)));
        Assert.That((await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 2 })).Text, Is.EqualTo("message 2"), "what is kept, is kept");
    }

    [Test]
    public async Task Reads_BeforeTheFirstLoad_Answer()
    {
        await _database.ApplySchemaAsync();
        await _database.AddMessagesAsync(3);
        // The service registers, and waits for this one's end.
        await using var open = await _database.OpenAsync();
        await open.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt')");
        await using var service = await RunningService.StartWithoutWaitingAsync(_database.ConnectionString);
        await Wait.UntilAsync(() => service.Status.Condition.State == CacheService.Feed.FeedState.Syncing, RunningService.Patience, "the service is SYNCING");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");

        await AssertFailsAsync(service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 }).ResponseAsync, StatusCode.Unavailable, "syncing: ");
        var read = await Ask(service, 1);
        Assert.That((read.Counts.Retweets, read.Counts.Likes), Is.EqualTo((0L, 1L)));
        AssertFreshness(read.Freshness, FeedState.Syncing);
        Assert.That((await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1, Read = FromDatabase })).Text, Is.EqualTo("message 1"));

        await open.ExecuteAsync("commit");
        await service.WaitForLiveAsync();
        Assert.That((await Ask(service, 1)).Counts.Retweets, Is.EqualTo(1));
    }

    [Test]
    public async Task Reads_WhileTheFeedIsStale_AnswerAndSaySo()
    {
        await using var service = await StartAsync();
        await _database.ExecuteAsync("alter table tweet.activity disable trigger twcache_activity_insert");
        await Wait.UntilAsync(() => service.Status.Condition.State == CacheService.Feed.FeedState.Stale, RunningService.Patience, "the service is STALE");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");

        foreach (var options in new[] { FromDatabase, new ReadOptions { Source = ReadSource.Database, Strong = true }, new ReadOptions { Source = ReadSource.Database, MaxAge = new Duration() } })
        {
            var read = await Ask(service, 1, options);
            Assert.That(read.Counts.Retweets, Is.EqualTo(1));
            AssertFreshness(read.Freshness, FeedState.Stale);
        }
    }

    /// <summary>Its activity is what it was, under another name: a count by names would be without it.</summary>
    [Test]
    public async Task Reads_WhereALabelWasRenamed_AreRefused()
    {
        await using var service = await StartAsync();
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        Assert.That((await Ask(service, 1)).Counts.Retweets, Is.EqualTo(1));
        await _database.ExecuteAsync("alter type tweet.action_t rename value 'rt' to 'retweet'");

        await AssertFailsAsync(Ask(service, 1), StatusCode.FailedPrecondition, "the tables are not what the service needs");
    }

    [Test]
    public async Task Reads_WhileTheDatabaseIsAway_AreUnavailable()
    {
        await using var service = await StartAsync();
        await using (var gate = await new TestDatabaseGate(_database).CloseAsync())
        {
            await gate.TerminateServiceAsync();
            // The first may find a connection of the pool broken.
            await AssertFailsAsync(Ask(service, 1), StatusCode.Unavailable, "the database cannot be asked right now");
            await AssertFailsAsync(Ask(service, 1), StatusCode.Unavailable, "the database cannot be asked right now");
        }

        await service.WaitForLiveAsync();
        await Wait.UntilAsync(async () => (await SecureCalls.StatusAsync(() => Ask(service, 1))).StatusCode == StatusCode.OK, RunningService.Patience, "reads answer again");
    }

    [Test]
    public async Task Read_AfterACommit_IncludesIt()
    {
        await using var service = await StartAsync("--Limits:DatabaseReadsPerSecond=100000");
        for (var n = 1; n <= 50; n++)
        {
            await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            Assert.That((await Ask(service, 1)).Counts.Retweets, Is.EqualTo(n));
        }
    }

    /// <summary>Activity moves from message to message: at no snapshot is there more or less of it.</summary>
    [Test]
    public async Task Batch_WhileOthersWrite_IsOfOneSnapshot()
    {
        await using var service = await StartAsync("--Limits:DatabaseReadsPerSecond=100000");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select 1 + n % 5, 'rt' from generate_series(1, 100) n");
        var writing = PacedWriter.WriteAsync(
            _database, perSecond: 500, TimeSpan.FromSeconds(6), clients: 2, "update tweet.activity set messageid = 1 + (messageid + $1) % 5 where id = 1 + $1 % 100");

        var (reads, seen) = (0, new HashSet<string>());
        while (!writing.IsCompleted)
        {
            var read = await service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 1, 2, 3, 4, 5 }, Read = FromDatabase });
            Assert.That(read.Counts.Sum(counts => counts.Retweets), Is.EqualTo(100));
            seen.Add(string.Join(' ', read.Counts.Select(counts => counts.Retweets)));
            reads++;
        }

        Assert.That(await writing, Is.Positive);
        Assert.That(seen, Has.Count.GreaterThan(1), $"{reads} reads beside writers");
    }

    /// <summary>To a snapshot from before its end, a TRUNCATE has emptied the table all the same.</summary>
    [Test]
    public async Task Reads_WhileTablesAreTruncated_SeeThatWholeOrNotAtAll()
    {
        await using var service = await StartAsync("--Limits:DatabaseReadsPerSecond=100000");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (2, 'rt')");
        using var stop = new CancellationTokenSource();
        var truncating = Task.Run(async () =>
        {
            await using var connection = await _database.OpenAsync();
            for (var n = 0; !stop.IsCancellationRequested && n < 200; n++)
            {
                await connection.ExecuteAsync("begin; truncate tweet.activity; insert into tweet.activity (messageid, action) values (1, 'rt'), (2, 'rt'); commit");
            }
        });

        for (var reads = 0; reads < 100 && !truncating.IsCompleted; reads++)
        {
            var read = await service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 1, 2 }, Read = FromDatabase });
            Assert.That(read.Counts.Select(counts => counts.Retweets), Is.EqualTo(new[] { 1L, 1 }), $"read {reads}");
        }

        await stop.CancelAsync();
        await truncating;
    }

    [Test]
    public async Task AtLeastXid_ThatCommitsMeanwhile_IsWaitedFor()
    {
        await using var service = await StartAsync();
        await using var writer = await _database.OpenAsync();
        await writer.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt')");
        var xid = ulong.Parse(await writer.QueryAsync<string>("select pg_current_xact_id()::text"));

        var reading = Ask(service, 1, new ReadOptions { Source = ReadSource.Database, AtLeastXid = xid });
        Assert.That((await Ask(service, 1)).Counts.Retweets, Is.Zero, "who does not ask for it, does not wait");
        Assert.That(reading.IsCompleted, Is.False);
        await writer.ExecuteAsync("commit");

        Assert.That((await reading).Counts.Retweets, Is.EqualTo(1));
        Assert.That((await Ask(service, 1, new ReadOptions { Source = ReadSource.Database, AtLeastXid = xid })).Counts.Retweets, Is.EqualTo(1));
        await AssertFailsAsync(Ask(service, 1, new ReadOptions { Source = ReadSource.Database, AtLeastXid = (1UL << 40) + 1000 }), StatusCode.OutOfRange, "has not assigned");
    }

    [Test]
    public async Task AtLeastXid_StillInProgressWhenTimeIsUp_IsFailedPrecondition()
    {
        await using var service = await StartAsync("--Limits:MaxReadWait=00:00:05");
        await using var writer = await _database.OpenAsync();
        await writer.ExecuteAsync("begin");
        var xid = ulong.Parse(await writer.QueryAsync<string>("select pg_current_xact_id()::text"));

        await AssertFailsAsync(Ask(service, 1, new ReadOptions { Source = ReadSource.Database, AtLeastXid = xid }), StatusCode.FailedPrecondition, $"transaction {xid} is still in progress");
    }

    [Test]
    public async Task Reads_BeyondTheRate_AreRefusedInWords()
    {
        await using var service = await StartAsync("--Limits:DatabaseReadsPerSecond=2");
        var statuses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => SecureCalls.StatusAsync(() => Ask(service, 1))));

        var refused = statuses.Where(status => status.StatusCode != StatusCode.OK).ToList();
        Assert.That(refused, Has.Count.GreaterThan(10).And.Count.LessThanOrEqualTo(18));
        Assert.That(refused.Select(status => status.StatusCode), Has.All.EqualTo(StatusCode.ResourceExhausted));
        Assert.That(refused[0].Detail, Does.StartWith("more than 2 reads a second go round the cache (Limits:DatabaseReadsPerSecond); try again in a second"));
        Assert.That((await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 })).Counts.MessageId, Is.EqualTo(1), "the cache has no such limit");
        await Wait.UntilAsync(async () => (await SecureCalls.StatusAsync(() => Ask(service, 1))).StatusCode == StatusCode.OK, TimeSpan.FromSeconds(10), "there is room again");
    }

    [Test]
    public async Task Reads_SwitchedOff_AreRefusedInWords()
    {
        await using var service = await StartAsync("--Limits:DatabaseReadsPerSecond=0");
        await AssertFailsAsync(Ask(service, 1), StatusCode.ResourceExhausted, "switched off (Limits:DatabaseReadsPerSecond = 0)");
    }

    [Test]
    public async Task Batch_OfTooMany_IsToldHowManyThereMayBe()
    {
        await using var service = await StartAsync("--Limits:MaxIdsPerDatabaseRead=3");
        var three = new BatchGetCountsRequest { MessageIds = { 1, 2, 3 }, Read = FromDatabase };
        Assert.That((await service.Client.BatchGetCountsAsync(three)).Counts, Has.Count.EqualTo(3));
        three.MessageIds.Add(4);
        await AssertFailsAsync(service.Client.BatchGetCountsAsync(three).ResponseAsync, StatusCode.InvalidArgument, "message_ids has 4 ids; split it into requests of at most 3");
    }

    [Test]
    public async Task Read_OfMoreActivityThanThereIsTimeFor_EndsInWords()
    {
        // No strong read comes first, because it has no more time than that either.
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MaxReadWait=00:00:00.100", "--Limits:DatabaseReadsPerSecond=100000");
        await _database.AddMessagesAsync(5);
        await using var writer = await _database.OpenAsync();
        await using var insert = new NpgsqlCommand(
            "set local session_replication_role = replica; insert into tweet.activity (messageid, action) select 5, 'rt' from generate_series(1, 1000000)", writer)
        { CommandTimeout = 600 };
        await insert.ExecuteNonQueryAsync();

        // What comes before the count, such as a connection, may be all that there is time for.
        var status = Status.DefaultSuccess;
        await Wait.UntilAsync(
            async () => (status = await SecureCalls.StatusAsync(() => Ask(service, 5))).StatusCode == StatusCode.ResourceExhausted, RunningService.Patience, "a read takes too long");
        Assert.That(status.Detail, Does.StartWith("the database did not sum the activity of these messages within 0.1 s; ask for fewer at a time"));
        await Wait.UntilAsync(() => IsIdleAsync(), RunningService.Patience, "the database has stopped working on it");
    }

    [Test]
    public async Task Reads_WhileATableIsLocked_WaitAndAreInNobodysWay()
    {
        await using var service = await StartAsync("--Limits:MaxReadWait=00:01:00");
        await using var migration = await _database.OpenAsync();
        await migration.ExecuteAsync("begin; lock table tweet.activity in access exclusive mode");

        var patient = Enumerable.Range(0, 10).Select(_ => Ask(service, 1)).ToList();
        var (started, most) = (Stopwatch.GetTimestamp(), 0L);
        while (Stopwatch.GetElapsedTime(started) < (most == 0 ? RunningService.Patience : TimeSpan.FromSeconds(3)))
        {
            most = Math.Max(most, await _database.QueryAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and application_name like '% texts %' and wait_event_type = 'Lock'"));
        }

        Assert.That(most, Is.InRange(1, 2), "one connection is left to authors and texts");
        Assert.That((await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 2 }, deadline: DateTime.UtcNow + RunningService.Patience)).Text, Is.EqualTo("message 2"), "which have it");

        // The other order, as the reads have it. Whoever waited with a lock for longer would have this one fail as a deadlock.
        await migration.ExecuteAsync("lock table tweet.message in access exclusive mode; commit");
        Assert.That((await Task.WhenAll(patient)).Select(read => read.Counts.MessageId), Has.All.EqualTo(1));
    }

    [Test]
    public async Task Read_OfATableThatStaysLocked_SaysSo()
    {
        await using var service = await StartAsync("--Limits:MaxReadWait=00:00:05");
        await using var migration = await _database.OpenAsync();
        await migration.ExecuteAsync("begin; lock table tweet.activity in access exclusive mode");

        await AssertFailsAsync(Ask(service, 1), StatusCode.Unavailable, "the tables were not to be had within 5.0 s: other transactions hold locks on them (see pg_locks)");
    }

    [Test]
    public async Task Reads_OfAStandby_AreUnavailable()
    {
        await using var server = await PrivateServer.StartAsync();
        await using var service = await RunningService.StartAsync(server.ConnectionString);
        await server.AddMessagesAsync(1);
        Assert.That((await Ask(service, 1)).Counts.MessageId, Is.EqualTo(1));

        await server.StopAsync(immediate: false);
        await server.StartAgainAsStandbyAsync();
        Assert.That(await server.QueryAsync<bool>("select pg_is_in_recovery()"), Is.True, "it answers");
        for (var n = 0; n < 10; n++)
        {
            await AssertFailsAsync(Ask(service, 1), StatusCode.Unavailable, "the database cannot be asked right now");
        }

        await server.PromoteAsync();
        await Wait.UntilAsync(async () => (await SecureCalls.StatusAsync(() => Ask(service, 1))).StatusCode == StatusCode.OK, RunningService.Patience, "a primary answers");
    }

    [Test]
    public async Task Client_AsTheLeastRole_GoesRoundTheCache()
    {
        await _database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(_database));
        await _database.AddMessagesAsync(3);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt')");
        using var client = new TweetCountsClient(service.Options());

        var one = await client.GetCountsAsync(3, ReadRequirement.FromDatabase);
        Assert.That((one.Counts.Retweets, one.Freshness.Source, one.Freshness.Epoch, one.Freshness.Revision), Is.EqualTo((1L, CacheService.Client.ReadSource.Database, "", 0UL)));
        var batch = await client.BatchGetCountsAsync([3, 4], ReadRequirement.FromDatabase);
        Assert.That((batch.Found.Count, batch.MissingMessageIds.Single()), Is.EqualTo((1, 4L)));
        var xid = await _database.QueryAsync<string>("insert into tweet.activity (messageid, action) values (3, 'rt') returning pg_current_xact_id()::text");
        Assert.That((await client.GetMessageAsync(3, ReadRequirement.AtLeastXidFromDatabase(ulong.Parse(xid)))).Counts.Retweets, Is.EqualTo(2));
        Assert.That((await client.GetCountsAsync(3, ReadRequirement.Strong)).Freshness.Source, Is.EqualTo(CacheService.Client.ReadSource.Cache));
    }

    private async Task<RunningService> StartAsync(params string[] settings)
    {
        var service = await RunningService.StartAsync(_database.ConnectionString, settings);
        await _database.AddMessagesAsync(5);
        await service.AssertEqualsViewAsync(_database);
        return service;
    }

    private Task<bool> IsIdleAsync() =>
        _database.QueryAsync<bool>("select not exists (select from pg_stat_activity where datname = current_database() and application_name like '% texts %' and state = 'active')");

    private static Task<GetCountsResponse> Ask(RunningService service, long messageId, ReadOptions? options = null) =>
        service.Client.GetCountsAsync(new GetCountsRequest { MessageId = messageId, Read = options ?? FromDatabase }).ResponseAsync;

    private static void AssertFreshness(TweetCounts.V1.Freshness freshness, FeedState state)
    {
        Assert.That((freshness.Source, freshness.Epoch, freshness.Revision, freshness.State), Is.EqualTo((ReadSource.Database, "", 0UL, state)));
        Assert.That(freshness.Age.ToTimeSpan(), Is.GreaterThan(TimeSpan.Zero).And.LessThan(RunningService.Patience));
    }

    private static async Task AssertFailsAsync(Task call, StatusCode code, string words)
    {
        var error = (await Assert.ThrowsAsync<RpcException>(async () => await call))!;
        Assert.That(error.StatusCode, Is.EqualTo(code), error.Status.Detail);
        Assert.That(error.Status.Detail, Does.Contain(words));
    }
}
