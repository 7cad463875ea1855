using CacheService.IntegrationTests.Days;
using CacheService.IntegrationTests.Feed.RandomTransactions;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres;
using CacheService.Replication;
using CacheService.Telemetry;
using FsCheck;
using FsCheck.Fluent;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.FSharp.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Replication;

/// <summary>Services that follow another one over a real NATS server, without a database.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class FollowerTests
{
    /// <summary>A follower has no database: it must not even look for one.</summary>
    private const string NoDatabase = "";

    [Test]
    public async Task Follower_WithoutADatabase_AnswersAsTheServiceThatItFollows()
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await database.AddMessagesAsync(20);
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select n % 20 + 1, case when n % 3 = 0 then 'rt' else 'fav' end::tweet.action_t from generate_series(1, 100) n");
        await follower.AssertEqualsViewAsync(database);
        await database.ExecuteAsync("delete from tweet.message where messageid = 7; insert into tweet.activity (messageid, action) values (8, 'rt')");
        await follower.AssertEqualsViewAsync(database);
        await follower.AssertDaysEqualRecountAsync(database, "UTC", "on a follower");

        var xid = await database.QueryAsync<ulong>("with inserted as (insert into tweet.activity (messageid, action) values (3, 'fav')) select pg_current_xact_id()");
        var expected = (await database.ReadViewAsync())[3];
        var counts = await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3, Read = new ReadOptions { AtLeastXid = xid } });
        Assert.That((counts.Counts.Retweets, counts.Counts.Likes), Is.EqualTo(expected));
        Assert.That(counts.Freshness.State, Is.EqualTo(FeedState.Live));

        var never = await Assert.ThrowsAsync<RpcException>(async () => await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3, Read = new ReadOptions { AtLeastXid = xid + 1_000_000 } }));
        Assert.That(never!.StatusCode, Is.EqualTo(StatusCode.OutOfRange));

        var message = await follower.Client.GetMessageAsync(new GetMessageRequest { MessageId = 3, Read = new ReadOptions { Strong = true } });
        Assert.That((message.Author, message.Text), Is.EqualTo(("Puck", "message 3")));
        Assert.That(message.PostedAt, Is.EqualTo((await publisher.Client.GetMessageAsync(new GetMessageRequest { MessageId = 3 })).PostedAt));

        var caches = (await follower.Client.ListCachesAsync(new ListCachesRequest())).Caches;
        Assert.That(caches.Single(cache => cache.Publishes).Name, Is.EqualTo(publisher.Status.Consumer));
        Assert.That((await publisher.Client.ListCachesAsync(new ListCachesRequest())).Caches.Single(cache => cache.Self).Publishes);
        Assert.That(caches.Single(cache => cache.Follows).Self, "it is the only follower");
        Assert.That((await publisher.Client.ListCachesAsync(new ListCachesRequest())).Caches.Single(cache => cache.Follows).Age.ToTimeSpan(), Is.LessThan(TimeSpan.FromSeconds(10)));
    }

    [Test]
    public async Task Follower_AskedForWhatNeedsADatabase_SaysWhomToAsk()
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await database.AddMessagesAsync(1);
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await follower.AssertEqualsViewAsync(database);

        var bypass = await Assert.ThrowsAsync<RpcException>(async () => await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Source = ReadSource.Database } }));
        Assert.That(bypass!.StatusCode, Is.EqualTo(StatusCode.FailedPrecondition));
        Assert.That(bypass.Status.Detail, Does.Contain("ask a service that has"));
        var audit = await Assert.ThrowsAsync<RpcException>(async () => await follower.Client.AuditNowAsync(new AuditNowRequest()));
        Assert.That(audit!.Status.Detail, Does.Contain("ask one that follows the database"));
        var reload = await Assert.ThrowsAsync<RpcException>(async () => await follower.Client.ReloadNowAsync(new ReloadNowRequest()));
        Assert.That(reload!.Status.Detail, Does.Contain("ask one that follows the database"));
        Assert.That(follower.Services.GetRequiredService<ChangeLogSize>().ExecuteTask!.IsCompletedSuccessfully, "nobody asks for the size of a log that is not there");
        Assert.That(() => follower.Services.GetRequiredService<DatabaseAddress>().ConnectionString, Throws.InvalidOperationException.With.Message.EqualTo("This service has no database."));
    }

    [Test]
    public async Task Follower_StartedLater_ServesTheHistoryOfThoseBefore()
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, [.. ReplicationSetUp.Publishing(name), "--Nats:CheckpointInterval=00:00:01"]);
        await database.AddMessagesAsync(10);
        await using var first = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        for (var n = 1; n <= 30; n++)
        {
            await database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({(n % 10) + 1}, 'rt')");
        }

        await database.ExecuteAsync("delete from tweet.message where messageid = 10");
        await first.AssertEqualsViewAsync(database);
        await Wait.UntilAsync(() => publisher.Log.Entries.Any(entry => entry.EventName == "CheckpointWritten"), RunningService.Patience, "a checkpoint is written");
        await using var second = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await second.AssertEqualsViewAsync(database);

        var all = new BatchGetCountsRequest { MessageIds = { Enumerable.Range(1, 12).Select(id => (long)id) }, Read = new ReadOptions { Strong = true } };
        var (one, other) = (await first.Client.BatchGetCountsAsync(all), await second.Client.BatchGetCountsAsync(all));
        Assert.That(other.Counts, Is.EqualTo(one.Counts), "the revision of each message's last change is the same");
        Assert.That((other.Freshness.Epoch, other.Freshness.Revision), Is.EqualTo((one.Freshness.Epoch, one.Freshness.Revision)));
    }

    [Test]
    public async Task Watch_OfAKilledFollower_ResumesOnAnotherOne([Values] bool ofAll)
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await database.AddMessagesAsync(10);
        await using var second = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        var request = ofAll ? new WatchCountsRequest { All = true } : new WatchCountsRequest { MessageIds = { 1, 2, 3, 4 } };
        await using (var first = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name)))
        {
            await first.AssertEqualsViewAsync(database);
            using var watch = first.Client.WatchCounts(request);
            var told = await NextAsync(watch, message => message.Synced);
            Assert.That(told.Reset, "it begins at the beginning");
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
            var change = await NextAsync(watch, message => message.Counts.Count > 0);
            (request.ResumeEpoch, request.ResumeRevision) = (change.Freshness.Epoch, change.Freshness.Revision);
        }

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'fav'); delete from tweet.message where messageid = 4");
        await second.AssertEqualsViewAsync(database);
        using var resumed = second.Client.WatchCounts(request);
        var after = await NextAsync(resumed, _ => true);
        Assert.That(after.Reset, Is.False, "it is one history");
        Assert.That(after.Counts.Select(counts => counts.MessageId), Is.EqualTo(new[] { 3L }));
        Assert.That(after.RemovedMessageIds, Is.EqualTo(new[] { 4L }));
    }

    [Test]
    public async Task Watch_WhenThePublisherLoadsAfresh_IsEndedAndBeginsAgain()
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (2, 'rt')");
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await follower.AssertEqualsViewAsync(database);
        using var watch = follower.Client.WatchCounts(new WatchCountsRequest { All = true });
        var told = await NextAsync(watch, message => message.Synced);

        await database.ExecuteAsync("truncate tweet.activity");
        var ended = await Assert.ThrowsAsync<RpcException>(async () => await NextAsync(watch, _ => false));
        Assert.That((ended!.StatusCode, ended.Status.Detail), Is.EqualTo((StatusCode.Unavailable, "the service follows another history of the counts by now; connect again and resume")));
        await follower.AssertEqualsViewAsync(database);
        using var again = follower.Client.WatchCounts(new WatchCountsRequest { All = true, ResumeEpoch = told.Freshness.Epoch, ResumeRevision = told.Freshness.Revision });
        var fresh = await NextAsync(again, message => message.Synced);
        Assert.That(fresh.Reset);
        Assert.That(fresh.Counts.Select(counts => counts.Retweets), Is.All.Zero);
    }

    /// <summary>More days than a message of the broker holds, which a take-over tells all at once.</summary>
    [Test]
    public async Task Days_OfMoreThanAPayload_AreTakenOver()
    {
        await using var nats = await NatsServer.RequireAsync("max_payload: 16KB");
        await using var database = await TestDatabase.CreateAsync();
        string[] publishing = [$"--Nats:Url={nats.Url}"];
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, publishing);
        await database.AddMessagesAsync(5000);
        await using var standby = await RunningService.StartAsync(database.ConnectionString, publishing);
        await using var follower = await RunningService.StartAsync(NoDatabase, [.. publishing, "--Feed:Source=Nats"]);
        await follower.AssertEqualsViewAsync(database);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) select n, 'rt', now() - n * interval '1 day' from generate_series(1, 3000) n");
        await follower.AssertEqualsViewAsync(database);
        var epoch = (await follower.Client.GetStatusAsync(new GetStatusRequest())).Epoch;

        await publisher.StopAsync();
        await Wait.UntilAsync(() => standby.Log.Has("ChainTakenOver"), RunningService.Patience, "the other one publishes");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
        await follower.AssertEqualsViewAsync(database);
        await follower.AssertDaysEqualRecountAsync(database, "UTC", "after the take-over");
        Assert.That((await follower.Client.GetStatusAsync(new GetStatusRequest())).Epoch, Is.EqualTo(epoch), "it is the same chain");
    }

    [Test]
    public async Task Publisher_OfAnotherTimeZone_BeginsAnotherChain()
    {
        const string Zone = "Europe/Berlin";
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await database.AddMessagesAsync(3);
        await using var standby = await RunningService.StartAsync(database.ConnectionString, [.. ReplicationSetUp.Publishing(name), $"--Counts:TimeZone={Zone}"]);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) select 1, 'rt', timestamptz '2026-11-01 00:30Z' + n * interval '1 hour' from generate_series(0, 23) n");
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await follower.AssertDaysEqualRecountAsync(database, "UTC", "before");

        await publisher.StopAsync();
        await using var another = await RunningService.StartAsync(NoDatabase, [.. ReplicationSetUp.Following(name), $"--Counts:TimeZone={Zone}"]);
        await another.AssertDaysEqualRecountAsync(database, Zone, "at one that counts like the publisher");
        Assert.That(standby.Log.Has("ChainTakenOver"), Is.False);
        await Wait.UntilAsync(
            () => follower.Log.Entries.Any(entry => entry.EventName == "ChainLeft" && entry.Message.Contains($"the publisher counts days in {Zone}", StringComparison.Ordinal)),
            RunningService.Patience,
            "the other one says why it does not follow");
        Assert.That((await follower.Client.ListDailyCountsAsync(new ListDailyCountsRequest())).Freshness.State, Is.EqualTo(FeedState.Stale));
    }

    [Test]
    public async Task TakeOver_BeginsATenure_WithHigherRevisionsThanMayHaveBeenHandedOut()
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var broker = ReplicationSetUp.NewBroker(name);
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await using var standby = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        var first = await ReadLastAsync(_ => true);
        await database.AddMessagesAsync(3);
        // Of a state that the other one has been at, too.
        var before = await ReadLastAsync(frame => frame.Revision > first.Revision);
        await publisher.StopAsync();

        var after = await ReadLastAsync(frame => frame.Tenure != before.Tenure);
        Assert.That((after.Chain, after.Tenure >> 32), Is.EqualTo((before.Chain, (before.Tenure >> 32) + 1)));
        Assert.That(after.Revision, Is.GreaterThan(before.Revision + Outbox.MostWaiting));

        async Task<Frame> ReadLastAsync(Func<Frame, bool> isWanted)
        {
            Frame? last = null;
            await Wait.UntilAsync(
                async () => (last = (await broker.ReadEndAsync(CancellationToken.None))?.Frame) is not null && isWanted(last), RunningService.Patience, "the stream has a frame");
            return last!;
        }
    }

    [Test]
    public async Task StrongRead_OfAFollower_AfterEachBurstOfRandomTransactions_EqualsTheView()
    {
        const int Bursts = 30;
        const int TransactionsPerBurst = 8;
        const string Zone = "Europe/Berlin";
        var seed = (ulong)Random.Shared.NextInt64();
        await TestContext.Progress.WriteLineAsync($"seed {seed}");
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, [.. ReplicationSetUp.Publishing(name), $"--Counts:TimeZone={Zone}", "--Nats:CheckpointInterval=00:00:01"]);
        await database.AddMessagesAsync(10);
        await using var follower = await RunningService.StartAsync(NoDatabase, [.. ReplicationSetUp.Following(name), $"--Counts:TimeZone={Zone}"]);
        var bursts = Arb.From(TransactionGenerator.Transaction.ListOf(TransactionsPerBurst));
        var property = Prop.ForAll(bursts, async burst =>
        {
            await using var connection = await database.OpenAsync();
            await TransactionRunner.RunAsync(connection, burst);
            await follower.AssertEqualsViewAsync(database, $"(seed {seed}) after {string.Join('\n', burst)}");
            await follower.AssertDaysEqualRecountAsync(database, Zone, $"(seed {seed}) after {string.Join('\n', burst)}");
        });
        var config = Config.QuickThrowOnFailure.WithMaxTest(Bursts).WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(seed, 1), FSharpOption<int>.None)));
        await Task.Run(() => Check.One(config, property));
        Assert.That(publisher.Log.Entries.Where(entry => entry.EventName == "ChainDiffered"), Is.Empty);
    }

    private static async Task<WatchCountsResponse> NextAsync(AsyncServerStreamingCall<WatchCountsResponse> watch, Func<WatchCountsResponse, bool> isWanted)
    {
        using var patience = new CancellationTokenSource(RunningService.Patience);
        while (await watch.ResponseStream.MoveNext(patience.Token))
        {
            if (isWanted(watch.ResponseStream.Current))
            {
                return watch.ResponseStream.Current;
            }
        }

        throw new AssertionException("the watch has ended");
    }
}
