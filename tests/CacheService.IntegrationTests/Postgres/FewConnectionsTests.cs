using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using TweetCounts.V1;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.IntegrationTests.Postgres;

/// <summary>Few connections, and many who want one: the counts stay LIVE, and readers of texts wait.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class FewConnectionsTests
{
    private const int Messages = 60;

    [TestCase(6)]
    [TestCase(12)]
    public async Task GetMessage_OfManyAtOnceWithSixConnections_WaitsForOne(int maxConnections)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Messages);
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await database.ExecuteAsync($"alter role {role.Name} connection limit 6");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(database), $"--Database:MaxConnections={maxConnections}", "--Limits:MessageExpiration=00:00:00.010", "--Feed:StaleAfter=00:01:00");

        var answers = await Task.WhenAll(Enumerable.Range(1, Messages).Select(id => GetMessageAsync(service, id)));
        Assert.That(answers.Select(answer => answer.Text), Is.EqualTo(Enumerable.Range(1, Messages).Select(id => $"message {id}")));
        Assert.That(service.Status.Condition.State, Is.EqualTo(FeedState.Live));

        // What must be opened anew gets room, whoever reads texts meanwhile.
        using var enough = new CancellationTokenSource();
        var readers = Task.WhenAll(Enumerable.Range(1, 20).Select(id => ReadUntilAsync(service, id, enough.Token)));
        await database.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role.Name}' and application_name !~ ' texts '");
        await Wait.UntilAsync(() => service.Log.Has("SessionBroken"), RunningService.Patience, "the feed has noticed");
        await service.WaitForLiveAsync();
        Assert.That((await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } })).Counts.MessageId, Is.EqualTo(1));
        await enough.CancelAsync();
        await readers;
    }

    [Test]
    public async Task Start_WithoutRoomForAConnection_WaitsAndSaysSo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await database.ExecuteAsync($"alter role {role.Name} connection limit 0");
        await using var service = await RunningService.StartWithoutWaitingAsync(role.ConnectionStringTo(database));
        await Wait.UntilAsync(() => service.Log.Has("NoRoomForConnections") && service.Log.Has("SessionBroken"), RunningService.Patience, "it says so");
        Assert.That(service.Log.Entries.First(entry => entry.EventName == "SessionBroken").Message, Does.Contain("Database:MaxConnections"));
        await database.ExecuteAsync($"alter role {role.Name} connection limit 6");
        await service.WaitForLiveAsync();
    }

    [Test]
    public async Task LockOnUsers_ForLongerThanTheLease_LeavesTheCountsLive()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Messages);
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:LeaseDuration=00:00:05", "--Feed:StaleAfter=00:01:00");
        var states = new List<FeedState>();
        service.Status.StateChanged += () => states.Add(service.Status.Condition.State);

        await using var locker = await database.OpenAsync();
        await locker.ExecuteAsync("begin; lock table tweet.users");
        var callers = Enumerable.Range(1, 20).Select(id => GetMessageAsync(service, id)).ToList();
        // For longer than the lease, and not as long as the statement of a text may take.
        var until = await database.QueryAsync<DateTime>("select clock_timestamp() + interval '6.5s'");
        do
        {
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            var answer = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } }, deadline: DateTime.UtcNow + RunningService.Patience);
            Assert.That(answer.Freshness.State, Is.EqualTo(TweetCounts.V1.FeedState.Live));
            Assert.That(answer.Counts.Retweets, Is.EqualTo(await database.QueryAsync<long>("select count(*) from tweet.activity")));
        }
        while (await database.QueryAsync<DateTime>("select clock_timestamp()") < until);

        Assert.That(callers.All(caller => !caller.IsCompleted), "the readers of texts wait");
        await locker.ExecuteAsync("commit");
        Assert.That((await Task.WhenAll(callers)).Select(answer => answer.Author), Has.All.EqualTo("Puck"));
        Assert.That(states, Is.Empty);
        Assert.That(service.Log.Count("LeaseRenewalFailed"), Is.LessThan(5), "those in which the machine stalls; behind the lock all would fail");
    }

    [Test]
    public async Task GetMessage_BehindALock_EndsAtItsDeadlineAndHoldsUpNobodyLater()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Messages);
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await using (var locker = await database.OpenAsync())
        {
            await locker.ExecuteAsync("begin; lock table tweet.users");
            var callers = Enumerable.Range(1, Messages).Select(async id =>
            {
                var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = id }, deadline: DateTime.UtcNow.AddSeconds(1)));
                return error!.StatusCode;
            });
            Assert.That(await Task.WhenAll(callers), Has.All.EqualTo(StatusCode.DeadlineExceeded));
            await locker.ExecuteAsync("commit");
        }

        // Well before what was given up would have been read, had it gone on.
        var answer = await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1 }, deadline: DateTime.UtcNow.AddSeconds(10));
        Assert.That(answer.Author, Is.EqualTo("Puck"));
    }

    private static async Task ReadUntilAsync(RunningService service, long id, CancellationToken enough)
    {
        while (!enough.IsCancellationRequested)
        {
            try
            {
                await GetMessageAsync(service, id);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                // Its connection was among those that were ended.
            }
        }
    }

    private static async Task<GetMessageResponse> GetMessageAsync(RunningService service, long id) =>
        await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = id }, deadline: DateTime.UtcNow + RunningService.Patience);
}
