using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using CacheService.Client;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;
using FeedState = TweetCounts.V1.FeedState;

namespace CacheService.IntegrationTests.Replication;

/// <summary>What followers cost and how prompt they are; measured on request, on a machine that does nothing else.</summary>
[Explicit("They measure, for minutes.")]
internal sealed class ReplicationTrials
{
    private const string NoDatabase = "";
    private const int Messages = 1000;
    private const int PerSecond = 1000;
    private const string Insert = "insert into tweet.activity (messageid, action) select ($1 * 7919) % 1000 + 1, 'rt'";

    /// <summary>Statements and processor time of the primary, with one follower, with many, and with as many caches that drain for themselves.</summary>
    [Test]
    public async Task Followers_CostThePrimary_AsMuchAsOne()
    {
        const int Many = 20;
        const int Rounds = 3;
        await using var broker = await NatsServer.RequireAsync();
        await using var server = await PrivateServer.StartAsync(("shared_preload_libraries", "pg_stat_statements"));
        await FaultStatements.PrepareAsync(server);
        await server.AddMessagesAsync(Messages);
        await server.ExecuteAsync("create extension pg_stat_statements");
        string[] following = [$"--Nats:Url={broker.Url}", "--Feed:Source=Nats"];
        await using var publisher = FaultService.StartProcess(server.ConnectionString, $"--Nats:Url={broker.Url}", "--Rollup:Interval=00:00:10", "--Audit:Interval=00:00:00");
        await publisher.WaitForStateAsync(FeedState.Live);
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var (what, count, isReplica) in new[] { ("1 follower", 1, false), ($"{Many} followers", Many, false), ("0 more replicas", 0, true), ($"{Many} more replicas", Many, true) })
            {
                var caches = new List<RunningService>();
                for (var n = 0; n < count; n++)
                {
                    caches.Add(await (isReplica ? RunningService.StartAsync(server.ConnectionString, "--Rollup:Interval=00:00:10", "--Audit:Interval=00:00:00") : RunningService.StartAsync(NoDatabase, following)));
                }

                foreach (var perSecond in new[] { 0, PerSecond })
                {
                    await server.ExecuteAsync("select pg_stat_statements_reset()");
                    var (cpu, started) = (CpuOf(server.Postmaster), Stopwatch.GetTimestamp());
                    var written = perSecond == 0 ? await RestAsync() : await PacedWriter.WriteAsync(server, perSecond, TimeSpan.FromSeconds(10), 8, Insert);
                    var (seconds, used) = (Stopwatch.GetElapsedTime(started).TotalSeconds, CpuOf(server.Postmaster) - cpu);
                    var calls = await server.QueryAsync<long>("select sum(calls)::bigint from pg_stat_statements");
                    await TestContext.Progress.WriteLineAsync(string.Create(
                        CultureInfo.InvariantCulture, $"round {round}: {what}, {written / seconds:F0} transactions a second: {calls / seconds:F0} statements a second, {used / seconds * 100:F1} % of a processor in the server"));
                }

                foreach (var cache in caches)
                {
                    await cache.DisposeAsync();
                }
            }
        }
    }

    /// <summary>Commit to visible at a follower, by a watch.</summary>
    [Test]
    public async Task Change_At1000ASecond_ReachesAWatcherOfAFollower()
    {
        await using var broker = await NatsServer.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        await using var publisher = FaultService.StartProcess(database.ConnectionString, $"--Nats:Url={broker.Url}");
        await publisher.WaitForStateAsync(FeedState.Live);
        await database.AddMessagesAsync(Messages);
        await using var follower = FaultService.StartProcess(NoDatabase, $"--Nats:Url={broker.Url}", "--Feed:Source=Nats");
        await follower.WaitForStateAsync(FeedState.Live);
        await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = Messages, Read = new ReadOptions { Strong = true } });

        var committed = new ConcurrentDictionary<(long Message, long Retweets), long>();
        var counts = new ConcurrentDictionary<long, long>();
        var delays = new List<double>();
        var slow = new List<string>();
        var began = Stopwatch.GetTimestamp();
        using var stop = new CancellationTokenSource();
        using var watch = follower.Client.WatchCounts(new WatchCountsRequest { All = true });
        var reading = Task.Run(async () =>
        {
            while (await watch.ResponseStream.MoveNext(stop.Token))
            {
                var now = Stopwatch.GetTimestamp();
                foreach (var change in watch.ResponseStream.Current.Counts)
                {
                    // Not the first seconds, in which the programs are compiled.
                    if (committed.TryGetValue((change.MessageId, change.Retweets), out var at) && Stopwatch.GetElapsedTime(began, at) > TimeSpan.FromSeconds(3))
                    {
                        delays.Add(Stopwatch.GetElapsedTime(at, now).TotalMilliseconds);
                        if (delays[^1] > 50)
                        {
                            slow.Add(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(began, at).TotalSeconds:F2}+{delays[^1]:F0}"));
                        }
                    }
                }
            }
        });
        // Each message is one client's, so that its counts come one after the other.
        var written = await PacedWriter.WriteAsync(database, PerSecond, TimeSpan.FromSeconds(15), 8, Insert, (number, at) =>
        {
            var message = ((number * 7919L) % 1000) + 1;
            committed[(message, counts.AddOrUpdate(message, 1, (_, before) => before + 1))] = at;
        });
        await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
        await stop.CancelAsync();
        try
        {
            await reading;
        }
        catch (Exception e) when (e is OperationCanceledException or Grpc.Core.RpcException)
        {
            // It has seen enough.
        }

        delays.Sort();
        await TestContext.Progress.WriteLineAsync($"slow, second of the commit and milliseconds: {string.Join(' ', slow.Take(300))}");
        var strong = new List<double>();
        for (var n = 0; n < 500; n++)
        {
            var asked = Stopwatch.GetTimestamp();
            await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
            strong.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
        }

        strong.Sort();
        await TestContext.Progress.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{written / 15} a second, {delays.Count} seen: commit to watcher p50 {delays[delays.Count / 2]:F1} ms, p99 {delays[delays.Count * 99 / 100]:F1} ms; strong at rest p50 {strong[250]:F1}, p99 {strong[495]:F1} ms"));
        var (frames, bytes) = await StreamSizeAsync(broker.Url);
        await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{frames} frames, {bytes} bytes: {(double)bytes / written:F0} bytes a change"));
    }

    /// <summary>How long a follower takes that begins with a million messages.</summary>
    [Test]
    public async Task Follower_OfAMillionMessages_Starts()
    {
        const int Million = 1_000_000;
        await using var broker = await NatsServer.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Million);
        await using var publisher = FaultService.StartProcess(database.ConnectionString, $"--Nats:Url={broker.Url}");
        await publisher.WaitForStateAsync(FeedState.Live);
        await Wait.UntilAsync(() => publisher.HasLogged("Publishes a new chain"), RunningService.Patience, "it publishes");
        await TestContext.Progress.WriteLineAsync(publisher.LogText.Split('\n').First(line => line.Contains("Publishes a new chain", StringComparison.Ordinal)));
        for (var n = 0; n < 3; n++)
        {
            var started = Stopwatch.GetTimestamp();
            await using var follower = FaultService.StartProcess(NoDatabase, $"--Nats:Url={broker.Url}", "--Feed:Source=Nats");
            await follower.WaitForStateAsync(FeedState.Live);
            await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"LIVE {Stopwatch.GetElapsedTime(started).TotalSeconds:F2} s after the process was started: {follower.LogText.Split('\n').First(line => line.Contains("Follows chain", StringComparison.Ordinal))}"));
            Assert.That((await follower.GetStatusAsync()).Messages, Is.EqualTo(Million));
        }
    }

    /// <summary>Publishers are killed one after the other beside 1,000 transactions a second, with and without their broker.</summary>
    [Test]
    public async Task Publisher_KilledAt1000ASecond_HoldsUpNoFollower()
    {
        const int Kills = 6;
        await using var broker = await NatsServer.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        string[] publishing = [$"--Nats:Url={broker.Url}"];
        await using var one = FaultService.StartProcess(database.ConnectionString, publishing);
        await using var another = FaultService.StartProcess(database.ConnectionString, publishing);
        var services = new[] { one, another };
        await Task.WhenAll(services.Select(service => service.WaitForStateAsync(FeedState.Live)));
        await database.AddMessagesAsync(Messages);
        await using var follower = FaultService.StartProcess(NoDatabase, [.. publishing, "--Feed:Source=Nats"]);
        await follower.WaitForStateAsync(FeedState.Live);
        await follower.Client.AssertEqualsViewAsync(database);
        var oldest = TimeSpan.Zero;
        using var stop = new CancellationTokenSource();
        var watching = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var age = (await follower.GetStatusAsync()).Age.ToTimeSpan();
                oldest = age > oldest ? age : oldest;
            }
        });
        var writing = PacedWriter.WriteAsync(database, PerSecond, TimeSpan.FromSeconds(Kills * 6), 8, Insert);
        for (var n = 0; n < Kills; n++)
        {
            var (killed, other) = (await services[0].GetStatusAsync()).Ringer ? (services[0], services[1]) : (services[1], services[0]);
            var before = oldest;
            oldest = TimeSpan.Zero;
            await killed.KillAsync();
            await Wait.UntilAsync(async () => (await other.GetStatusAsync()).Ringer, RunningService.Patience, "the other one publishes");
            await Wait.UntilAsync(async () => (await follower.GetStatusAsync()).Age.ToTimeSpan() < TimeSpan.FromMilliseconds(600), RunningService.Patience, "the follower is young again");
            await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"take-over {n}: oldest age at the follower {oldest.TotalMilliseconds:F0} ms, without one {before.TotalMilliseconds:F0} ms"));
            Assert.That(oldest, Is.LessThan(TimeSpan.FromSeconds(2)));
            killed.StartAgain();
            await killed.WaitForStateAsync(FeedState.Live);
        }

        var written = await writing;
        await stop.CancelAsync();
        await watching;
        await follower.Client.AssertEqualsViewAsync(database);
        await TestContext.Progress.WriteLineAsync($"{written} transactions");
        Assert.That(follower.HasLogged("Loads from a checkpoint"), Is.False, follower.LogText);
    }

    /// <summary>Everything that may happen to publishers, followers, broker and network, one after the other at random; each time all equal the view in the end, and no reply has claimed too much.</summary>
    [Test]
    public async Task Faults_AtRandom_LeaveEveryFollowerExact()
    {
        const int Runs = 5;
        const int FaultsPerRun = 5;
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        await TestContext.Progress.WriteLineAsync($"seed {seed}");
        for (var n = 0; n < Runs; n++)
        {
            await using var broker = await NatsServer.RequireAsync();
            await using var proxy = new SwallowingProxy(new Uri(broker.Url).Port);
            await using var database = await TestDatabase.CreateAsync();
            string[] publishing = [$"--Nats:Url={broker.Url}", "--Feed:LeaseDuration=00:00:03", "--Nats:CheckpointInterval=00:00:02"];
            string[] following = ["--Feed:Source=Nats", $"--Nats:Url=nats://127.0.0.1:{proxy.Port}"];
            await using var run = await FaultRun.StartAsync("random faults of publishers, followers and NATS", database, () => Task.FromResult(FaultService.StartProcess(database.ConnectionString, publishing)));
            var services = new List<FaultService> { run.Service };
            foreach (var (connectionString, settings) in new[] { (database.ConnectionString, publishing), (NoDatabase, following), (NoDatabase, following) })
            {
                var service = FaultService.StartProcess(connectionString, settings);
                services.Add(service);
                await run.JoinAsync(service);
            }

            // Moves between the two followers, and resumes.
            using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { services[2].Address, services[3].Address } });
            await using var mirror = client.StartMirror(WatchOptions.All);
            for (var fault = 0; fault < FaultsPerRun; fault++)
            {
                var which = random.Next(8);
                var victim = services[random.Next(services.Count)];
                await TestContext.Progress.WriteLineAsync($"run {n}: {which} {services.IndexOf(victim)}");
                switch (which)
                {
                    case 0:
                        await victim.KillAsync();
                        await run.Writers.WriteMoreAsync(random.Next(300));
                        victim.StartAgain();
                        break;
                    case 1:
                        await ProcessSignals.FreezeAsync(victim.Process!.Id);
                        await run.Writers.WriteMoreAsync(random.Next(800));
                        await ProcessSignals.ThawAsync(victim.Process!.Id);
                        break;
                    case 2:
                        await broker.KillAsync();
                        await run.Writers.WriteMoreAsync(random.Next(500));
                        await broker.StartAgainAsync();
                        break;
                    case 3:
                        proxy.Fault = NetworkFault.SwallowsBoth;
                        await run.Writers.WriteMoreAsync(random.Next(500));
                        proxy.Fault = NetworkFault.None;
                        break;
                    case 4:
                        await database.ExecuteAsync("select twcache.reload()");
                        break;
                    case 5:
                        await database.TerminateServiceAsync();
                        break;
                    case 6:
                        await run.Writers.TakeAwayAsync(database, "truncate tweet.activity");
                        break;
                    case 7:
                        proxy.BytesPerSecond = 3000;
                        await run.Writers.WriteMoreAsync(random.Next(800));
                        proxy.BytesPerSecond = 0;
                        break;
                }

                await run.Writers.WriteMoreAsync(random.Next(100));
            }

            await Task.WhenAll(services.Select(service => service.WaitForStateAsync(FeedState.Live)));
            await run.EndFaultAsync();
            await run.FinishAsync();
            var expected = await database.ReadViewAsync();
            await Wait.UntilAsync(
                () => mirror.Count == expected.Count && mirror.All(counts => expected.TryGetValue(counts.MessageId, out var truth) && truth == (counts.Retweets, counts.Likes)),
                RunningService.Patience,
                "the mirror has what the view says");
        }
    }

    /// <summary>Each of three NATS servers goes once, beside 1,000 transactions a second. Where the leader is killed, the others take their time to elect another, and frames go round the stream.</summary>
    [Test]
    public async Task Broker_OfThree_OneGoneAt1000ASecond_HoldsUpNoFollowerForLong([Values] bool saysGoodBye)
    {
        await using var cluster = await NatsCluster.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        string[] settings = [$"--Nats:Url={cluster.Url}", "--Nats:Replicas=3"];
        await using var publisher = FaultService.StartProcess(database.ConnectionString, settings);
        await publisher.WaitForStateAsync(FeedState.Live);
        await database.AddMessagesAsync(Messages);
        await using var follower = FaultService.StartProcess(NoDatabase, [.. settings, "--Feed:Source=Nats"]);
        await follower.WaitForStateAsync(FeedState.Live);
        await follower.Client.AssertEqualsViewAsync(database);
        var oldest = TimeSpan.Zero;
        using var stop = new CancellationTokenSource();
        var watching = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var age = (await follower.GetStatusAsync()).Age.ToTimeSpan();
                oldest = age > oldest ? age : oldest;
            }
        });
        var writing = PacedWriter.WriteAsync(database, PerSecond, TimeSpan.FromSeconds(60), 8, Insert);
        foreach (var node in cluster.Nodes)
        {
            await Task.Delay(TimeSpan.FromSeconds(3));
            oldest = TimeSpan.Zero;
            await (saysGoodBye ? node.StopAsync() : node.KillAsync());
            await Task.Delay(TimeSpan.FromSeconds(10));
            await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"server {cluster.Nodes.ToList().IndexOf(node)} {(saysGoodBye ? "stopped" : "killed")}: oldest age at the follower {oldest.TotalMilliseconds:F0} ms"));
            await node.StartAgainAsync();
        }

        var written = await writing;
        await stop.CancelAsync();
        await watching;
        await follower.Client.AssertEqualsViewAsync(database);
        await TestContext.Progress.WriteLineAsync(
            $"{written} transactions; {(follower.HasLogged("Loads from a checkpoint") ? "a load" : "no load")}; {(publisher.HasLogged("does not take frame") ? "frames were handed out" : "the stream took all")}");
    }

    private static async Task<int> RestAsync()
    {
        await Task.Delay(TimeSpan.FromSeconds(10));
        return 0;
    }

    private static async Task<(long Frames, long Bytes)> StreamSizeAsync(string url)
    {
        await using var nats = new NATS.Client.Core.NatsConnection(new NATS.Client.Core.NatsOpts { Url = url });
        var stream = await new NATS.Client.JetStream.NatsJSContext(nats).GetStreamAsync("tweetcounts");
        return ((long)stream.Info.State.Messages, (long)stream.Info.State.Bytes);
    }

    /// <summary>The seconds of processor that a server has used, by its sessions that live and those that have ended.</summary>
    private static double CpuOf(int postmaster)
    {
        const int TicksPerSecond = 100;
        var ticks = 0L;
        foreach (var folder in Directory.GetDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _)))
        {
            // Behind the name, which may have spaces, state and parent; then from the twelfth on the times, of itself and of children that have ended.
            if (TryRead($"{folder}/stat") is { } stat && stat[(stat.LastIndexOf(')') + 2)..].Split(' ') is { } fields)
            {
                var isPostmaster = Path.GetFileName(folder) == $"{postmaster}";
                ticks += isPostmaster || fields[1] == $"{postmaster}" ? fields[11..(isPostmaster ? 15 : 13)].Sum(long.Parse) : 0;
            }
        }

        return (double)ticks / TicksPerSecond;
    }

    private static string? TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }
}
