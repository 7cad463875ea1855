using System.Diagnostics;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Another database, or an earlier state of it, takes the place of the one that the service follows: under the same name, at the same address, within the lease.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ReplacedDatabaseTests
{
    /// <summary>Transactions that use up the numbers that the cache has seen, so that the change log of the past looks like that of the present.</summary>
    private const int Many = 60;

    [TestCase(0, TestName = "Clone_RenamedIntoItsPlace_IsNoticed")]
    [TestCase(Many, TestName = "Clone_RenamedIntoItsPlaceAndWritten_IsNoticed")]
    public async Task Clone_RenamedIntoItsPlace_IsNoticed(int writes)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        var clone = await database.CreateOtherAsync("clone", create: false);
        await database.CreateOtherAsync("old", create: false);
        await trial.DoAsync("clone", async () =>
        {
            await database.CloseAsync();
            await database.OnServerAsync($"create database {database.Name}_clone template {database.Name}");
            await database.OnServerAsync($"alter database {database.Name}_clone allow_connections true");
            await database.OpenAgainAsync();
        });

        // The cache counts what the clone has not.
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet that the clone has not", Trial.Mends);
        await trial.DoAsync("rename the clone into its place", async () =>
        {
            for (var n = 0; n < writes; n++)
            {
                await clone.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
            }

            await database.CloseAsync();
            await database.OnServerAsync($"alter database {database.Name} rename to {database.Name}_old");
            await database.OnServerAsync($"alter database {database.Name}_clone rename to {database.Name}");
        });

        await trial.ExactAsync("the clone's renaming", Trial.Mends);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet in the clone", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase(true, TestName = "DataFolder_PutBack_IsNoticed")]
    [TestCase(false, TestName = "DisksSnapshot_PutBack_IsNoticed")]
    public async Task DataFolder_PutBack_IsNoticed(bool clean)
    {
        await using var server = await PrivateServer.StartAsync();
        await using var database = await TrialDatabase.CreateAsync(server: server);
        await using var trial = await Trial.StartAsync(database);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        var copy = "";
        await trial.DoAsync("copy the data", async () =>
        {
            if (clean)
            {
                await server.StopAsync(immediate: false);
            }

            copy = await server.CopyDataAsync();
            if (clean)
            {
                await server.StartAgainAsync();
            }
        });

        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet that the copy has not", Trial.MendedByHand);
        await trial.DoAsync("put the data back", async () =>
        {
            await server.StopAsync(immediate: false);
            await server.PutBackAsync(copy);
            await server.StartAgainAsync();
            for (var n = 0; n < Many; n++)
            {
                await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
            }
        });

        await trial.ExactAsync("the data put back", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task DataFolder_PutBackBeforeTheServiceLooks_IsNoticed()
    {
        // The service cannot reach the server while the past comes back and goes on past all that the service has seen.
        await using var server = await PrivateServer.StartAsync();
        await using var database = await TrialDatabase.CreateAsync(server: server);
        await using var proxy = new SwallowingProxy(server.Port);
        await using var trial = await Trial.StartWithoutWaitingAsync(database, database.ConnectionStringBy(proxy.Port, database.Counts));
        await trial.ExactAsync("the start", Trial.MendedByHand);
        await server.StopAsync(immediate: false);
        var copy = await server.CopyDataAsync();
        await server.StartAgainAsync();
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet that the copy has not", Trial.MendedByHand);

        await trial.DoAsync("put the data back, write, and let the service in", async () =>
        {
            proxy.Fault = NetworkFault.Refuses;
            await server.StopAsync(immediate: false);
            await server.PutBackAsync(copy);
            await server.StartAgainAsync();
            for (var n = 0; n < Many; n++)
            {
                await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'fav')");
            }

            proxy.Fault = NetworkFault.None;
        });

        await trial.ExactAsync("the data put back", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase(true, TestName = "Twin_AtTheSameAddress_IsNoticed")]
    [TestCase(false, TestName = "CrashedTwin_AtTheSameAddress_IsNoticed")]
    public async Task Twin_AtTheSameAddress_IsNoticed(bool clean)
    {
        await using var one = await PrivateServer.StartAsync();
        await using var database = await TrialDatabase.CreateAsync(server: one);
        await using var proxy = new SwallowingProxy(one.Port);
        await using var service = await RunningService.StartAsync(database.ConnectionStringBy(proxy.Port, database.Counts));
        await using var other = await one.StartTwinAsync(clean);

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await service.AssertEqualsViewAsync(database, "before");
        await AssertFollowsAsync(service, proxy, database, other);
    }

    [Test]
    public async Task Twin_AnsweringNewConnectionsOnly_IsNeverMixedWithTheFirst()
    {
        await using var one = await PrivateServer.StartAsync();
        await using var database = await TrialDatabase.CreateAsync(server: one);
        await using var proxy = new SwallowingProxy(one.Port);
        await using var service = await RunningService.StartAsync(database.ConnectionStringBy(proxy.Port, database.Counts));
        await using var other = await one.StartTwinAsync(clean: true);
        await Wait.UntilAsync(() => service.Status.Condition.State == CacheService.Feed.FeedState.Live, RunningService.Patience, "the service has come back");
        var there = Elsewhere(database, other);
        await there.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'fav')");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await service.AssertEqualsViewAsync(database, "before");

        // What is connected stays where it is; the load's connection is a new one.
        proxy.Target = other.Port;
        await database.ExecuteAsync("update twcache.change_identity set id = gen_random_uuid()");
        await there.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'fav')");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (4, 'rt')");

        var (here, elsewhere) = (await database.ReadViewAsync(), await there.ReadViewAsync());
        var (started, live) = (Stopwatch.GetTimestamp(), 0);
        while (live < 20 && Stopwatch.GetElapsedTime(started) < RunningService.Patience)
        {
            try
            {
                var reply = await service.Client.BatchGetCountsAsync(
                    new BatchGetCountsRequest { MessageIds = { 1, 2, 3, 4, 5 }, Read = new ReadOptions { Strong = true } }, deadline: DateTime.UtcNow.AddSeconds(2));
                live += reply.Freshness.State == FeedState.Live ? 1 : 0;
                var counts = reply.Counts.ToDictionary(one => one.MessageId, one => (one.Retweets, one.Likes));
                Assert.That(
                    reply.Freshness.State != FeedState.Live || counts.All(pair => here[pair.Key] == pair.Value) || counts.All(pair => elsewhere[pair.Key] == pair.Value),
                    $"a LIVE reply is of neither server: {string.Join(", ", counts)}");
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded)
            {
                // Not LIVE.
            }
        }

        await TestContext.Progress.WriteLineAsync($"a twin behind new connections: {live} LIVE replies, all of one server; {service.Status.Condition}");
        Assert.That(live, Is.GreaterThan(0), "it comes to an end with one of them");
    }

    [Test]
    public async Task OtherServer_WithADumpOfIt_AtTheSameAddress_IsNoticed()
    {
        var file = Path.GetTempFileName();
        await using var one = await PrivateServer.StartAsync();
        await using var database = await TrialDatabase.CreateAsync(server: one);
        await using var proxy = new SwallowingProxy(one.Port);
        await using var service = await RunningService.StartAsync(database.ConnectionStringBy(proxy.Port, database.Counts));
        await using var other = await PrivateServer.StartAsync();
        // Roles with the same passwords, which no dump of a database has.
        var roles = await PostgresTools.RunAsync("pg_dumpall", one.ConnectionString, "--roles-only");
        await other.ExecuteAsync(string.Join('\n', roles.Split('\n').Where(line => line.Contains(database.Counts, StringComparison.Ordinal) || line.Contains("twcache_", StringComparison.Ordinal) || line.Contains(database.Owner, StringComparison.Ordinal))));
        await PostgresTools.DumpAsync(database, file);
        await other.ExecuteAsync($"create database {database.Name}");
        var restored = Elsewhere(database, other);
        await PostgresTools.RestoreAsync(restored, file);

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await service.AssertEqualsViewAsync(database, "before");
        await AssertFollowsAsync(service, proxy, database, other);
        File.Delete(file);
    }

    /// <summary>The address leads to the other server; from there on its counts are the truth, whatever the first one's were.</summary>
    private static async Task AssertFollowsAsync(RunningService service, SwallowingProxy proxy, TrialDatabase database, PrivateServer other)
    {
        var there = Elsewhere(database, other);
        for (var n = 0; n < Many; n++)
        {
            await there.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'fav')");
        }

        proxy.Target = other.Port;
        proxy.Fault = NetworkFault.Refuses;
        await Wait.UntilAsync(() => service.Status.Condition.State != CacheService.Feed.FeedState.Live, RunningService.Patience, "the service has lost the first server");
        await using var trial = new FollowedElsewhere(there, service);
        proxy.Fault = NetworkFault.None;
        await trial.FinishAsync();
    }

    private static At Elsewhere(TrialDatabase database, PrivateServer server) => new At(
        new Npgsql.NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = database.Name }.ConnectionString);

    private sealed record At(string ConnectionString) : ITestDatabase;

    /// <summary>Holds a service's replies against a database that it is led to.</summary>
    private sealed class FollowedElsewhere : IAsyncDisposable
    {
        private readonly ITestDatabase _database;
        private readonly HonestReader _reader;
        private Change _change = new(0, "another server answers", Stopwatch.GetTimestamp());

        public FollowedElsewhere(ITestDatabase database, RunningService service)
        {
            _database = database;
            _reader = new HonestReader(database, service.Client, () => Volatile.Read(ref _change));
        }

        public async Task FinishAsync()
        {
            await WaitForExactAsync();
            Volatile.Write(ref _change, new Change(1, "a retweet there", null));
            await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
            Volatile.Write(ref _change, new Change(1, "a retweet there", Stopwatch.GetTimestamp()));
            await WaitForExactAsync();
            await _reader.DisposeAsync();
            Assert.That(_reader.Violations, Is.Empty, $"{_reader.ViolationCount} LIVE replies were wrong");
        }

        public ValueTask DisposeAsync() => _reader.DisposeAsync();

        private async Task WaitForExactAsync()
        {
            await Wait.UntilAsync(() => _reader.ExactAfter(_change.EndedAt!.Value) is not null || _reader.ViolationCount > 0, RunningService.Patience, $"exact after: {_change.What}");
            Assert.That(_reader.Violations, Is.Empty, $"{_reader.ViolationCount} LIVE replies were wrong");
        }
    }
}
