using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Watching;

/// <summary>WatchCounts over real gRPC and a real database.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class WatchCountsTests
{
    private static readonly Duration Often = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(100));

    [Test]
    public async Task Watch_OfSomeMessages_TellsStateThenChangesOfThoseOnly()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(3);
        await service.AssertEqualsViewAsync(database);

        using var watch = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1, 2, 50 } });
        var first = await NextAsync(watch);
        Assert.That((first.Reset, first.Synced), Is.EqualTo((true, true)));
        Assert.That(first.Counts.Select(counts => counts.MessageId), Is.EqualTo(new[] { 1L, 2 }), "50 is not there");
        Assert.That(first.RemovedMessageIds, Is.Empty);

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt')");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
        var second = await NextAsync(watch);
        Assert.That(second.Counts.Select(counts => (counts.MessageId, counts.Retweets)), Is.EqualTo(new[] { (2L, 1L) }));
        Assert.That(second.Freshness.Revision, Is.GreaterThan(first.Freshness.Revision));

        await database.ExecuteAsync("delete from tweet.message where messageid = 1");
        Assert.That((await NextAsync(watch)).RemovedMessageIds, Is.EqualTo(new[] { 1L }));

        await database.ExecuteAsync("insert into tweet.message (messageid, userid, message) select 50, userid, 'late' from tweet.users");
        Assert.That((await NextAsync(watch)).Counts.Single().MessageId, Is.EqualTo(50));
    }

    [Test]
    public async Task Watch_OfAll_TellsEverything()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(3);
        await service.AssertEqualsViewAsync(database);

        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        Assert.That((await NextAsync(watch)).Counts, Has.Count.EqualTo(3));
        await database.ExecuteAsync("delete from tweet.message where messageid = 1; insert into tweet.activity (messageid, action) values (2, 'fav')");
        var change = await NextAsync(watch);
        Assert.That(change.RemovedMessageIds, Is.EqualTo(new[] { 1L }));
        Assert.That(change.Counts.Single().Likes, Is.EqualTo(1));
    }

    [Test]
    public async Task Watch_OfAllOfManyMessages_ComesInSmallParts()
    {
        const int Messages = 120_000;
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Messages);
        await using var service = await RunningService.StartAsync(database.ConnectionString);

        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        var (total, parts, synced) = (0, 0, false);
        while (!synced)
        {
            var part = await NextAsync(watch);
            Assert.That(part.CalculateSize(), Is.LessThan(100 << 10));
            Assert.That(part.Reset, Is.EqualTo(parts == 0));
            total += part.Counts.Count;
            parts++;
            synced = part.Synced;
        }

        Assert.That(total, Is.EqualTo(Messages));
        Assert.That(parts, Is.LessThan(Messages / 200));
    }

    [Test]
    public async Task Watch_WithAMinimalInterval_CoalescesAndEndsWithTheLastValue()
    {
        var interval = TimeSpan.FromMilliseconds(400);
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1 }, MinInterval = Duration.FromTimeSpan(interval) });
        await NextAsync(watch);

        // A strong read after each makes a change of its own of it, however busy the machine is.
        const int Changes = 60;
        var sinceFirst = Stopwatch.StartNew();
        for (var n = 0; n < Changes; n++)
        {
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
        }

        var (messages, coalesced, retweets) = (0, 0, 0L);
        while (retweets < Changes)
        {
            var change = await NextAsync(watch);
            (messages, coalesced, retweets) = (messages + 1, coalesced + (int)change.Coalesced, change.Counts.Single().Retweets);
        }

        Assert.That(messages + coalesced, Is.EqualTo(Changes), "each is told or passed over");
        Assert.That(messages, Is.LessThanOrEqualTo(2 + (sinceFirst.Elapsed / interval)), "one in each interval");
    }

    [Test]
    public async Task Watch_WithAHeartbeat_HearsOfAgeAndState()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1 }, Heartbeat = Often });
        await NextAsync(watch);
        for (var n = 0; n < 5; n++)
        {
            var beat = await NextAsync(watch);
            Assert.That((beat.Counts.Count, beat.Reset, beat.Synced), Is.EqualTo((0, false, false)));
            Assert.That(beat.Freshness.State, Is.EqualTo(FeedState.Live));
            Assert.That(beat.Freshness.Age.ToTimeSpan(), Is.LessThan(RunningService.Patience));
        }

        // Other messages' changes are progress too, and the age stays young.
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        var revision = (await service.Client.GetStatusAsync(new GetStatusRequest())).Revision;
        var last = await NextAsync(watch);
        for (var n = 0; last.Freshness.Revision < revision; n++)
        {
            Assert.That(n, Is.LessThan(20), "progress without changes");
            last = await NextAsync(watch);
        }
    }

    [Test]
    public async Task Watch_WithALongMinimalInterval_StillHearsHeartbeatsAndTheState()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        using var watch = service.Client.WatchCounts(
            new WatchCountsRequest { MessageIds = { 1 }, Heartbeat = Often, MinInterval = Duration.FromTimeSpan(TimeSpan.FromMinutes(1)) });
        await NextAsync(watch);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        for (var n = 0; n < 3; n++)
        {
            Assert.That((await NextAsync(watch)).Counts, Is.Empty, "a heartbeat, and not its turn to tell counts");
        }

        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await gate.TerminateServiceAsync();
        for (var told = await NextAsync(watch); told.Freshness.State != FeedState.Stale; told = await NextAsync(watch))
        {
        }
    }

    [Test]
    public async Task Watch_WhenTheFeedBreaksAndComesBack_HearsItAtOnceAndThenWhatDiffers()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);
        await service.AssertEqualsViewAsync(database);
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        await NextAsync(watch);

        await using (var writer = await database.OpenAsync())
        await using (var gate = await new TestDatabaseGate(database).CloseAsync())
        {
            await gate.TerminateServiceAsync();
            Assert.That((await NextAsync(watch)).Freshness.State, Is.EqualTo(FeedState.Stale));
            await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
        }

        var told = new List<WatchCountsResponse>();
        while (told.Count == 0 || told[^1].Freshness.State != FeedState.Live || told.Sum(message => message.Counts.Count) == 0)
        {
            told.Add(await NextAsync(watch));
        }

        Assert.That(told.SelectMany(message => message.Counts).Select(counts => counts.MessageId), Is.EqualTo(new[] { 2L }));
        Assert.That(told.Any(message => message.Reset), Is.False);
    }

    [Test]
    public async Task Watch_AfterAReload_HearsWhatDiffersAndNoReset()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(5);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt'), (4, 'fav')");
        await service.AssertEqualsViewAsync(database);
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        var before = await NextAsync(watch);

        await database.ExecuteAsync("truncate tweet.activity");
        var told = new List<WatchCountsResponse>();
        while (told.Sum(message => message.Counts.Count) < 2)
        {
            told.Add(await NextAsync(watch));
        }

        Assert.That(told.SelectMany(message => message.Counts).Select(counts => (counts.MessageId, counts.Retweets, counts.Likes)), Is.EquivalentTo(new[] { (2L, 0L, 0L), (4, 0, 0) }));
        Assert.That(told[^1].Freshness.Epoch, Is.Not.EqualTo(before.Freshness.Epoch));
        Assert.That(told.Any(message => message.Reset), Is.False);
    }

    [Test]
    public async Task Watch_PacedWhileEverythingIsLoadedAfresh_IsNotLiveBeforeItIsToldWhatDiffers()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(2);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await service.AssertEqualsViewAsync(database);
        using var watch = service.Client.WatchCounts(
            new WatchCountsRequest { All = true, Heartbeat = Often, MinInterval = Duration.FromTimeSpan(TimeSpan.FromSeconds(15)) });
        var before = (await NextAsync(watch)).Freshness.Epoch;

        await database.ExecuteAsync("truncate tweet.activity");
        await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
        var loaded = (await service.Client.GetStatusAsync(new GetStatusRequest())).Epoch;
        Assert.That(loaded, Is.Not.EqualTo(before));
        await Wait.UntilAsync(() => service.Hub.Published!.Epoch == loaded, RunningService.Patience, "the load is published");

        // What was sent before that may say LIVE, and then nothing of the earlier epoch does.
        var told = new List<WatchCountsResponse>();
        while (told.Count == 0 || told[^1].Freshness.Epoch == before)
        {
            told.Add(await NextAsync(watch));
        }

        Assert.That(told[^1].Counts.Single().Retweets, Is.Zero);
        Assert.That(told[^1].Freshness.State, Is.EqualTo(FeedState.Live));
        Assert.That(told.SkipLast(1).Select(message => message.Freshness.State).SkipWhile(state => state == FeedState.Live), Is.Not.Empty.And.All.EqualTo(FeedState.Stale));
    }

    [Test]
    public async Task Watch_Resumed_TellsOnlyWhatChangedSince()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(10);
        await service.AssertEqualsViewAsync(database);
        foreach (var all in new[] { true, false })
        {
            var request = all ? new WatchCountsRequest { All = true } : new WatchCountsRequest { MessageIds = { 1, 2, 3, 4, 5 } };
            Freshness reached;
            using (var watch = service.Client.WatchCounts(request))
            {
                reached = (await NextAsync(watch)).Freshness;
            }

            var gone = all ? 5 : 4;
            await database.ExecuteAsync($"insert into tweet.activity (messageid, action) values (2, 'rt'); delete from tweet.message where messageid = {gone}");
            await service.AssertEqualsViewAsync(database);
            request.ResumeEpoch = reached.Epoch;
            request.ResumeRevision = reached.Revision;
            using var resumed = service.Client.WatchCounts(request);
            var first = await NextAsync(resumed);
            Assert.That((first.Reset, first.Synced), Is.EqualTo((false, true)));
            Assert.That(first.Counts.Select(counts => counts.MessageId), Is.EqualTo(new[] { 2L }));
            Assert.That(first.RemovedMessageIds, Is.EqualTo(new[] { (long)gone }));
        }
    }

    [Test]
    public async Task Watch_ResumedFromAnotherEpoch_Resets()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(2);
        await service.AssertEqualsViewAsync(database);

        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true, ResumeEpoch = "another", ResumeRevision = 1 });
        var first = await NextAsync(watch);
        Assert.That((first.Reset, first.Counts.Count), Is.EqualTo((true, 2)));
    }

    [Test]
    public async Task Watch_WithABadRequest_IsInvalidArgument()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:MaxIdsPerSubscription=3");
        await AssertFailsAsync(service, new WatchCountsRequest(), StatusCode.InvalidArgument, "neither");
        await AssertFailsAsync(service, new WatchCountsRequest { All = true, MessageIds = { 1 } }, StatusCode.InvalidArgument, "both");
        await AssertFailsAsync(service, new WatchCountsRequest { MessageIds = { 1, 2, 3, 4 } }, StatusCode.InvalidArgument, "at most 3");
        await AssertFailsAsync(service, new WatchCountsRequest { MessageIds = { 0 } }, StatusCode.InvalidArgument, "message_ids[0] is 0");
        await AssertFailsAsync(service, new WatchCountsRequest { All = true, MinInterval = new Duration { Seconds = -1 } }, StatusCode.InvalidArgument, "min_interval");
        await AssertFailsAsync(service, new WatchCountsRequest { All = true, Heartbeat = new Duration() }, StatusCode.InvalidArgument, "heartbeat");
    }

    [Test]
    public async Task Watch_BeyondTheLimit_IsResourceExhaustedAndEndedOnesMakeRoom()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:MaxSubscriptions=2");
        var watches = Enumerable.Range(0, 2).Select(_ => service.Client.WatchCounts(new WatchCountsRequest { All = true })).ToList();
        foreach (var watch in watches)
        {
            await NextAsync(watch);
        }

        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())).Watchers, Is.EqualTo(2));
        await AssertFailsAsync(service, new WatchCountsRequest { All = true }, StatusCode.ResourceExhausted, "2 subscriptions");

        watches[0].Dispose();
        await Wait.UntilAsync(async () => (await service.Client.GetStatusAsync(new GetStatusRequest())).Watchers == 1, RunningService.Patience, "there is room");
        using var another = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        await NextAsync(another);
        watches[1].Dispose();
    }

    [Test]
    public async Task Watch_OfMoreMessagesThanThereIsRoomFor_IsResourceExhausted()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:MaxWatchedIds=10");
        using var first = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1, 2, 3, 4, 5, 6 } });
        await NextAsync(first);
        await AssertFailsAsync(
            service, new WatchCountsRequest { MessageIds = { 1, 2, 3, 4, 5 } }, StatusCode.ResourceExhausted, "no room for 5 more message ids: 6 are watched, and 10 may be");

        using var fitting = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1, 2, 3, 4 } });
        using var all = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        await NextAsync(fitting);
        await NextAsync(all);
        Assert.That((service.Hub.Count, service.Hub.WatchedIds), Is.EqualTo((3, 10)), "a refused one leaves nothing");

        first.Dispose();
        fitting.Dispose();
        await Wait.UntilAsync(() => service.Hub.WatchedIds == 0, RunningService.Patience, "there is room");
        using var another = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10 } });
        await NextAsync(another);
    }

    [Test]
    public async Task Watches_OfAClientThatOpensOneConnection_AreAllAnswered()
    {
        const int Watches = 1000;
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);

        // The channel's own handler would open more connections.
        using var channel = GrpcChannel.ForAddress(
            service.GrpcAddress, new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false } });
        var client = new TweetCountsService.TweetCountsServiceClient(channel);
        var watches = Enumerable.Range(0, Watches).Select(_ => client.WatchCounts(new WatchCountsRequest { MessageIds = { 1 } })).ToList();
        foreach (var watch in watches)
        {
            Assert.That((await NextAsync(watch)).Synced);
        }

        Assert.That((await client.GetStatusAsync(new GetStatusRequest(), deadline: DateTime.UtcNow + RunningService.Patience)).Watchers, Is.EqualTo(Watches));
        watches.ForEach(watch => watch.Dispose());
    }

    [Test]
    public async Task Watch_ByAClientThatDoesNotRead_IsEndedAndDelaysNobody()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:StuckClientTimeout=00:00:05", "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(60_000);
        await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
        using var stuck = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        using var reading = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1 } });
        await NextAsync(reading);

        // Reads on as soon as it is ended, whatever the test is busy with: for another five seconds the status waits to be taken.
        var hub = service.Hub;
        var ended = Task.Run(async () =>
        {
            await Wait.UntilAsync(() => hub.StuckClients > 0, 2 * RunningService.Patience, "the client that does not read is ended");
            while (await stuck.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        });
        for (var n = 1; hub.StuckClients == 0; n++)
        {
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
            Assert.That((await NextAsync(reading)).Counts.Single().Retweets, Is.EqualTo(n));
            Assert.That(n, Is.LessThan(100), "the client that does not read is ended");
        }

        var error = await Assert.ThrowsAsync<RpcException>(() => ended);
        Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.Aborted), error.Status.Detail);
        Assert.That(error.Status.Detail, Does.Contain("has not read"));
        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())).Watchers, Is.EqualTo(1));
    }

    [Test]
    public async Task Stop_WhileManyClientsHaveNotRead_LogsNoError([Values] bool leave)
    {
        const int Watchers = 300;
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(20_000);
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        var watches = Enumerable.Range(0, Watchers).Select(_ => service.Client.WatchCounts(new WatchCountsRequest { All = true })).ToList();
        await Wait.UntilAsync(() => service.Hub.Count == Watchers && service.Hub.Deliveries >= Watchers, RunningService.Patience, "all watch, and have what they take unread");

        await Task.WhenAll(Task.Run(() => watches.ForEach(leave ? static watch => watch.Dispose() : static _ => { })), Task.Run(service.StopAsync));

        // Its end tells what it has logged.
        await Wait.UntilAsync(() => service.Hub.Count == 0, RunningService.Patience, "no watch is left");
    }

    [Test]
    public async Task Watch_WhenTheServiceStops_EndsUnavailableAtOnce()
    {
        await using var database = await TestDatabase.CreateAsync();
        var service = await RunningService.StartAsync(database.ConnectionString);
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        await NextAsync(watch);

        var ended = Assert.ThrowsAsync<RpcException>(async () => await watch.ResponseStream.MoveNext());
        await service.StopAsync();
        Assert.That((await ended)!.StatusCode, Is.EqualTo(StatusCode.Unavailable));
        await service.DisposeAsync();
    }

    private static async Task AssertFailsAsync(RunningService service, WatchCountsRequest request, StatusCode code, string words)
    {
        using var watch = service.Client.WatchCounts(request);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await watch.ResponseStream.MoveNext());
        Assert.That(error!.StatusCode, Is.EqualTo(code), error.Status.Detail);
        Assert.That(error.Status.Detail, Does.Contain(words));
    }

    private static async Task<WatchCountsResponse> NextAsync(AsyncServerStreamingCall<WatchCountsResponse> watch)
    {
        using var patience = new CancellationTokenSource(RunningService.Patience);
        Assert.That(await watch.ResponseStream.MoveNext(patience.Token), Is.True);
        return watch.ResponseStream.Current;
    }
}
