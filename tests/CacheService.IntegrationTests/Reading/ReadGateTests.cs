using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Reading;

/// <summary>Reads that ask for more than "what you have".</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ReadGateTests
{
    private static readonly ReadOptions Strong = new() { Strong = true };

    [Test]
    public async Task StrongReads_ManyAtOnce_ShareFewDrains()
    {
        const int Requests = 200;
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:HeartbeatInterval=00:00:10", "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);

        var before = service.Status.Drains;
        await Task.WhenAll(Enumerable.Range(0, Requests).Select(async _ => await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = Strong })));
        var drains = service.Status.Drains - before;

        await TestContext.Progress.WriteLineAsync($"{Requests} strong reads at once, {drains} drains");
        Assert.That(drains, Is.InRange(1, Requests * 2 / 5));
    }

    [Test]
    public async Task StrongRead_AfterACommit_IncludesIt()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        for (var n = 1; n <= 50; n++)
        {
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            var response = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = Strong });
            Assert.That(response.Counts.Retweets, Is.EqualTo(n));
        }
    }

    [Test]
    public async Task AtLeastXid_OfACommittedTransaction_IncludesIt()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await using var writer = await database.OpenAsync();
        for (var n = 1; n <= 20; n++)
        {
            var xid = await BeginWriteAsync(writer);
            await writer.ExecuteAsync("commit");
            var response = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { AtLeastXid = xid } });
            Assert.That(response.Counts.Retweets, Is.EqualTo(n));
        }
    }

    [Test]
    public async Task AtLeastXid_OfATransactionThatCommitsMeanwhile_WaitsForIt()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await using var writer = await database.OpenAsync();
        var xid = await BeginWriteAsync(writer);

        var reading = service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { AtLeastXid = xid } }).ResponseAsync;
        var drains = service.Status.Drains;
        await Wait.UntilAsync(() => service.Status.Drains >= drains + 3, RunningService.Patience, "drains go by");
        Assert.That(reading.IsCompleted, Is.False);
        await writer.ExecuteAsync("commit");

        Assert.That((await reading).Counts.Retweets, Is.EqualTo(1));
    }

    [Test]
    public async Task AtLeastXid_OfAnAbortedTransaction_IsAnswered()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await using var writer = await database.OpenAsync();
        var xid = await BeginWriteAsync(writer);
        await writer.ExecuteAsync("rollback");

        var response = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { AtLeastXid = xid } });
        Assert.That(response.Counts.Retweets, Is.Zero);
    }

    [Test]
    public async Task AtLeastXid_StillInProgressAtTheDeadline_IsFailedPrecondition()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await using var writer = await database.OpenAsync();
        var request = new GetCountsRequest { MessageId = 1, Read = new ReadOptions { AtLeastXid = await BeginWriteAsync(writer) } };

        // A machine that stalls for longer than the answer's margin makes one deadline pass without the reason, and not one after the other.
        var answer = Status.DefaultSuccess;
        await Wait.UntilAsync(
            async () =>
            {
                answer = (await Assert.ThrowsAsync<RpcException>(async () => await service.Client.GetCountsAsync(request, deadline: DateTime.UtcNow.AddSeconds(2))))!.Status;
                return answer.StatusCode != StatusCode.DeadlineExceeded;
            },
            RunningService.Patience,
            "the reason arrives before the deadline");
        Assert.That(answer.StatusCode, Is.EqualTo(StatusCode.FailedPrecondition), answer.Detail);
        Assert.That(answer.Detail, Does.Contain("still in progress"));
    }

    [TestCase(1UL << 40, Description = "no transaction's, whatever the epoch: the lower half is 0")]
    [TestCase((1UL << 40) + 1000)]
    [TestCase(ulong.MaxValue)]
    public async Task AtLeastXid_NeverAssigned_IsOutOfRange(ulong xid)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);

        await AssertFailsAsync(service, new ReadOptions { AtLeastXid = xid }, StatusCode.OutOfRange, "has not assigned");
    }

    [Test]
    public async Task MaxAge_OfYoungCounts_NeedsNoDrain()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:HeartbeatInterval=00:00:10", "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        var minute = new ReadOptions { MaxAge = Duration.FromTimeSpan(TimeSpan.FromMinutes(1)) };

        var before = service.Status.Drains;
        for (var n = 0; n < 100; n++)
        {
            await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = minute });
        }

        Assert.That(service.Status.Drains - before, Is.LessThan(50));
    }

    [Test]
    public async Task MaxAge_OfNothing_IncludesWhatWasCommittedBefore()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        var now = new ReadOptions { MaxAge = new Duration() };
        for (var n = 1; n <= 20; n++)
        {
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            var response = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = now });
            Assert.That(response.Counts.Retweets, Is.EqualTo(n));
        }
    }

    [Test]
    public async Task Requirements_WhileTheDatabaseIsAway_AreUnavailableAndPlainReadsAreServed()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Limits:MaxReadWait=00:00:05");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);

        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await gate.TerminateServiceAsync();
        await Wait.UntilAsync(() => service.Status.Condition.State == CacheService.Feed.FeedState.Stale, RunningService.Patience, "the service is STALE");

        await Task.WhenAll(
            AssertFailsAsync(service, Strong, StatusCode.Unavailable, "stale:"),
            AssertFailsAsync(service, new ReadOptions { MaxAge = new Duration() }, StatusCode.Unavailable, "stale:"),
            AssertFailsAsync(service, new ReadOptions { AtLeastXid = 1UL << 40 }, StatusCode.Unavailable, "stale:"));
        var plain = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 });
        Assert.That(plain.Freshness.State, Is.EqualTo(FeedState.Stale));
    }

    private static async Task<ulong> BeginWriteAsync(NpgsqlConnection writer)
    {
        await writer.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt')");
        return await writer.QueryAsync<ulong>("select pg_current_xact_id()");
    }

    /// <summary>The service itself ends the read, because a caller's own deadline may pass on a slow machine before the answer that says why arrives.</summary>
    private static async Task AssertFailsAsync(RunningService service, ReadOptions read, StatusCode code, string words)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
            await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = read }, deadline: DateTime.UtcNow + RunningService.Patience));
        Assert.That(error!.StatusCode, Is.EqualTo(code), error.Status.Detail);
        Assert.That(error.Status.Detail, Does.Contain(words));
    }
}
