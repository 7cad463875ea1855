using System.Buffers.Binary;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Grpc.Health.V1;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Security;

/// <summary>What callers and connections may cost.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class LimitsTests
{
    private const uint RefusedStream = 7;

    private TestDatabase _database = null!;

    [OneTimeSetUp]
    public async Task CreateDatabase() => _database = await TestDatabase.CreateAsync();

    [OneTimeTearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Rate_OfACallerWithAKey_IsLimitedForThatCallerOnly()
    {
        var (greedy, modest) = (new TestKey(0, "greedy", "Read,Watch"), new TestKey(1, "modest", "Read"));
        await using var service = await RunningService.StartAsync(_database.ConnectionString, ["--Limits:CallsPerSecond=2", .. greedy.Settings, .. modest.Settings]);

        var reads = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => service.Client.ReadAsync($"Bearer {greedy.Key}")));
        var refused = reads.Where(status => status.StatusCode == StatusCode.ResourceExhausted).ToList();
        Assert.That(reads.Count(status => status.StatusCode == StatusCode.OK), Is.GreaterThanOrEqualTo(2));
        Assert.That(refused, Has.Count.EqualTo(50 - reads.Count(status => status.StatusCode == StatusCode.OK)).And.Count.GreaterThan(0));
        Assert.That(refused[0].Detail, Is.EqualTo("more than 2 calls a second from one caller; try again in 1 s, ask for many messages in one call, or watch them"));

        var watches = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => service.Client.WatchAsync($"Bearer {greedy.Key}")));
        Assert.That(watches.Select(status => status.StatusCode), Has.Some.EqualTo(StatusCode.ResourceExhausted), "streams count when they are opened");

        Assert.That(await service.Client.ReadAsync($"Bearer {modest.Key}"), Is.EqualTo(Status.DefaultSuccess), "another caller");
        for (var i = 0; i < 20; i++)
        {
            await new global::Grpc.Health.V1.Health.HealthClient(service.Channel).CheckAsync(new HealthCheckRequest());
        }

        await Wait.UntilAsync(async () => (await service.Client.ReadAsync($"Bearer {greedy.Key}")).StatusCode == StatusCode.OK, RunningService.Patience, "a second has passed");
    }

    [Test]
    public async Task Rate_OfCallersWhomNobodyKnows_IsLimitedByAddress()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:CallsPerSecond=2");
        var reads = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => service.Client.ReadAsync()));
        Assert.That(reads.Select(status => status.StatusCode).Distinct(), Is.EquivalentTo([StatusCode.OK, StatusCode.ResourceExhausted]));

        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            for (var i = 0; i < 1000; i++)
            {
                await service.Client.GetStatusAsync(new GetStatusRequest());
            }
        });
        Assert.That(error!.Trailers.GetValue("grpc-retry-pushback-ms"), Is.EqualTo("1000"));
    }

    [Test]
    public async Task Rate_OfGuessesAtKeys_IsLimitedToo()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, ["--Limits:CallsPerSecond=2", .. new TestKey(0, "a", "Read").Settings]);
        var guesses = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => service.Client.ReadAsync($"Bearer {i}")));
        Assert.That(guesses.Select(status => status.StatusCode).Distinct(), Is.EquivalentTo([StatusCode.Unauthenticated, StatusCode.ResourceExhausted]));
    }

    [Test]
    public async Task MessageSize_OverTheLimit_IsRefusedForReadsAndWatches()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MaxRequestBytes=1000");
        var few = Enumerable.Range(1, 50).Select(i => (long)i);
        var many = Enumerable.Range(1, 1000).Select(i => (long)i);

        Assert.That((await service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { few } })).MissingMessageIds, Has.Count.EqualTo(50));
        var read = await SecureCalls.StatusAsync(async () => await service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { many } }));
        var watch = await SecureCalls.StatusAsync(async () =>
        {
            using var call = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { many } });
            await call.ResponseStream.MoveNext(CancellationToken.None);
        });
        Assert.That(new[] { read.StatusCode, watch.StatusCode }, Has.All.EqualTo(StatusCode.ResourceExhausted));
    }

    [Test]
    public async Task Streams_OverTheLimit_AreRefusedOnThatConnection()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MaxStreamsPerConnection=2");
        using var connection = await RawConnection.OpenAsync(service.GrpcAddress);
        await connection.SendAsync(Http2Frames.Preface);
        foreach (var stream in (int[])[1, 3, 5])
        {
            await connection.SendAsync(
                Http2Frames.Call(stream, "/grpc.health.v1.Health/Watch"), Http2Frames.Frame(Http2Frames.Data, Http2Frames.EndStream, stream, Http2Frames.Message([])));
        }

        var (answered, refused) = (new HashSet<int>(), 0);
        while (answered.Count < 2 || refused == 0)
        {
            var frame = await connection.ReadFrameAsync() ?? throw new EndOfStreamException("The connection was closed.");
            if (frame.Type == Http2Frames.HeadersType)
            {
                answered.Add(frame.Stream);
            }
            else if (frame.Type == Http2Frames.ResetType)
            {
                Assert.That(BinaryPrimitives.ReadUInt32BigEndian(frame.Payload), Is.EqualTo(RefusedStream));
                refused = frame.Stream;
            }
        }

        Assert.That(answered, Is.EquivalentTo([1, 3]));
        Assert.That(refused, Is.EqualTo(5));
    }

    [Test]
    public async Task Stream_WhoseClientAnswersPingsAndReadsNothing_IsReset()
    {
        // More than the server writes ahead of what the client takes.
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(20_000);
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:StuckClientTimeout=00:00:06", "--Limits:DeadClientTimeout=00:00:08");
        using var connection = await RawConnection.OpenAsync(service.GrpcAddress);

        // A window of nothing for every stream.
        await connection.SendAsync(Http2Frames.Preface, Http2Frames.Frame(Http2Frames.SettingsType, 0, 0, [0, 4, 0, 0, 0, 0]));
        await connection.SendAsync(
            Http2Frames.Call(1, "/tweetcounts.v1.TweetCountsService/WatchCounts"), Http2Frames.Frame(Http2Frames.Data, Http2Frames.EndStream, 1, Http2Frames.Message([16, 1])));
        var pings = 0;
        while (await connection.ReadFrameAsync() is { } frame)
        {
            if (frame.Type == Http2Frames.ResetType)
            {
                Assert.That((frame.Stream, service.Hub.StuckClients, service.Hub.Count), Is.EqualTo((1, 1, 0)));
                Assert.Pass($"after {pings} pings");
            }

            if (frame.Type == Http2Frames.PingType && frame.Flags != Http2Frames.Ack)
            {
                pings++;
                await connection.SendAsync(Http2Frames.Frame(Http2Frames.PingType, Http2Frames.Ack, 0, frame.Payload));
                Assert.That(pings, Is.LessThan(10), $"the stream is reset; {service.Hub.StuckClients} stuck");
            }
        }

        Assert.Fail("The connection was closed.");
    }

    [Test]
    public async Task Connections_OverTheLimit_AreClosed()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MaxConnections=2");
        using var first = await RawConnection.OpenAsync(service.GrpcAddress);
        using var second = await RawConnection.OpenAsync(service.GrpcAddress);
        foreach (var connection in (RawConnection[])[first, second])
        {
            await connection.SendAsync(Http2Frames.Preface);
            Assert.That((await connection.ReadFrameAsync())?.Type, Is.EqualTo(Http2Frames.SettingsType));
        }

        using var third = await RawConnection.OpenAsync(service.GrpcAddress);
        await third.SendAsync(Http2Frames.Preface);
        Assert.That(await third.ReadFrameAsync(), Is.Null);
    }

    [Test]
    public async Task Connection_WhoseClientAnswersNoPing_IsEnded()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:DeadClientTimeout=00:00:08");
        using var dead = await RawConnection.OpenAsync(service.GrpcAddress);
        using var alive = await RawConnection.OpenAsync(service.GrpcAddress);
        await alive.SendAsync(Http2Frames.Preface);
        await dead.SendAsync(Http2Frames.Preface);

        var death = ReadToEndAsync();
        var pings = 0;
        while (!death.IsCompleted || pings < 3)
        {
            var frame = await alive.ReadFrameAsync() ?? throw new EndOfStreamException("The connection of the client that answers was closed.");
            if (frame.Type == Http2Frames.PingType && frame.Flags != Http2Frames.Ack)
            {
                pings++;
                await alive.SendAsync(Http2Frames.Frame(Http2Frames.PingType, Http2Frames.Ack, 0, frame.Payload));
            }
        }

        Assert.That(await death, Is.EqualTo(1), "one ping, and no second chance");

        async Task<int> ReadToEndAsync()
        {
            var sent = 0;
            while (await dead.ReadFrameAsync() is { } frame)
            {
                sent += frame.Type == Http2Frames.PingType ? 1 : 0;
            }

            return sent;
        }
    }
}
