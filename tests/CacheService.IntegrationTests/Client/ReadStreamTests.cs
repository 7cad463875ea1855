using System.Diagnostics;
using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Client;

/// <summary>Reads that the library sends over a stream.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ReadStreamTests
{
    private ScriptedServer _server = null!;
    private TweetCountsClient _client = null!;

    [SetUp]
    public async Task Start()
    {
        _server = await ScriptedServer.StartAsync();
        _server.Service.TakesStreams = true;
        _client = ScriptedServer.ClientOf(_server);
    }

    [TearDown]
    public async Task Stop()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task Reads_OfManyCallers_AreAnsweredInAnyOrder()
    {
        var stream = await OpenAsync();
        var reading = Enumerable.Range(1, 200).ToDictionary(id => (long)id, id => _client.GetCountsAsync(id));
        var asked = await stream.NextAsync(reading.Count);

        await stream.AnswerAsync([.. asked.Values.Reverse().Take(150)]);
        await stream.AnswerAsync([.. asked.Values.Take(50)]);

        foreach (var (id, answer) in reading)
        {
            Assert.That(((await answer).Counts.MessageId, (await answer).Counts.Retweets, (await answer).Freshness.Epoch), Is.EqualTo((id, id, "stream")));
        }

        Assert.That(asked.Values.Select(read => (read.Read, read.Timeout)), Has.All.EqualTo(((ReadOptions?)null, (Google.Protobuf.WellKnownTypes.Duration?)null)));
    }

    [Test]
    public async Task Read_WithARequirement_TellsItAndItsTime()
    {
        var stream = await OpenAsync();
        var reading = _client.GetCountsAsync(1, ReadRequirement.AtLeastXid(77));
        var read = await stream.NextAsync();
        Assert.That(read.Read, Is.EqualTo(new ReadOptions { AtLeastXid = 77 }));
        Assert.That(read.Timeout.ToTimeSpan(), Is.InRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10)));
        await stream.AnswerAsync(read);
        await reading;

        var calls = _server.Service.Reads;
        await _client.GetCountsAsync(1, ReadRequirement.FromDatabase);
        Assert.That(_server.Service.Reads, Is.EqualTo(calls + 1), "those that go round the cache are calls");
    }

    [Test]
    public async Task Read_Cancelled_IsTheOnlyOne()
    {
        var stream = await OpenAsync();
        using var cancelled = new CancellationTokenSource();
        var (plain, waiting) = (_client.GetCountsAsync(1, cancellationToken: cancelled.Token), _client.GetCountsAsync(2, ReadRequirement.Strong, cancelled.Token));
        var other = _client.GetCountsAsync(3);
        var asked = await stream.NextAsync(3);

        await cancelled.CancelAsync();

        Assert.That((await Assert.CatchAsync<OperationCanceledException>(() => plain))!.CancellationToken, Is.EqualTo(cancelled.Token));
        await Assert.CatchAsync<OperationCanceledException>(() => waiting);
        await stream.UntilGivenUpAsync(asked[2].Id);

        // Their answers may come all the same.
        await stream.AnswerAsync([.. asked.Values]);
        Assert.That((await other).Counts.MessageId, Is.EqualTo(3));
    }

    [Test]
    public async Task Read_NotAnsweredInTime_FailsAlone()
    {
        using var impatient = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { _server.Address }, DefaultDeadline = TimeSpan.FromSeconds(2) });
        var stream = await OpenAsync(impatient, _server);
        var begun = Stopwatch.GetTimestamp();
        var error = await Assert.ThrowsAsync<RpcException>(() => impatient.GetCountsAsync(1));
        Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.DeadlineExceeded));
        Assert.That(Stopwatch.GetElapsedTime(begun), Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(2)));

        Assert.That((await stream.NextAsync()).MessageId, Is.EqualTo(1));
        await Assert.ThrowsAsync<RpcException>(() => impatient.GetCountsAsync(2, ReadRequirement.Strong));
        await stream.UntilGivenUpAsync((await stream.NextAsync()).Id);
    }

    [Test]
    public async Task Read_Refused_FailsAloneOrIsTriedAgain()
    {
        var stream = await OpenAsync();
        var calls = _server.Service.Reads;
        Task<CountsAnswer>[] reading = [.. Enumerable.Range(1, 5).Select(id => _client.GetCountsAsync(id))];
        var asked = await stream.NextAsync(reading.Length);
        await stream.FailAsync(asked[1], StatusCode.NotFound, "there is no message 1");
        await stream.FailAsync(asked[2], StatusCode.Unavailable, "starting");
        await stream.FailAsync(asked[3], StatusCode.ResourceExhausted, "too many", TimeSpan.FromMilliseconds(20));
        await stream.FailAsync(asked[4], StatusCode.ResourceExhausted, "too many", TimeSpan.FromHours(1));
        await stream.AnswerAsync(asked[5]);

        Assert.That((await Assert.ThrowsAsync<RpcException>(() => reading[0]))!.Status, Is.EqualTo(new Status(StatusCode.NotFound, "there is no message 1")));
        await Task.WhenAll(reading[1], reading[2], reading[4]);
        Assert.That((await Assert.ThrowsAsync<RpcException>(() => reading[3]))!.Status, Is.EqualTo(new Status(StatusCode.ResourceExhausted, "too many")));
        Assert.That(_server.Service.Reads, Is.EqualTo(calls + 2), "by calls");
    }

    [Test]
    public async Task Read_UnavailableOnTheStreamToo_IsTriedFourTimesInAll()
    {
        var stream = await OpenAsync();
        var calls = _server.Service.Reads;
        var reading = _client.GetCountsAsync(1);
        for (var i = 0; i < 5; i++)
        {
            _server.Service.Failures.Enqueue(new RpcException(new Status(StatusCode.Unavailable, "starting")));
        }

        await stream.FailAsync(await stream.NextAsync(), StatusCode.Unavailable, "starting");

        Assert.That((await Assert.ThrowsAsync<RpcException>(() => reading))!.StatusCode, Is.EqualTo(StatusCode.Unavailable));
        Assert.That(_server.Service.Reads, Is.EqualTo(calls + 3));
    }

    [TestCase(StatusCode.OK)]
    [TestCase(StatusCode.Unavailable)]
    [TestCase(StatusCode.Internal)]
    public async Task Stream_ThatEnds_ItsReadsAreTriedAgainAndAnotherIsOpened(StatusCode code)
    {
        var stream = await OpenAsync();
        Task<CountsAnswer>[] reading = [.. Enumerable.Range(1, 20).Select(id => _client.GetCountsAsync(id))];
        var asked = await stream.NextAsync(reading.Length);
        await stream.AnswerAsync(asked[7]);
        stream.End(code, "over");

        await Task.WhenAll(reading);
        Assert.That((await reading[6]).Freshness.Epoch, Is.EqualTo("stream"));
        await OpenAsync();
    }

    [Test]
    public async Task Service_ThatTakesSmallMessagesOnly_AnswersAllTheSame()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Limits:MaxRequestBytes=1000");
        await database.AddMessagesAsync(20);
        await service.AssertEqualsViewAsync(database);
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { service.GrpcAddress } });
        await Wait.UntilAsync(
            async () =>
            {
                await client.GetCountsAsync(1);
                return client.HasStreams;
            },
            RunningService.Patience,
            "there is a stream");

        var answers = await Task.WhenAll(Enumerable.Range(0, 5_000).Select(i => client.GetCountsAsync((i % 20) + 1)));
        Assert.That(answers.Select((answer, i) => answer.Counts.MessageId - (i % 20)), Has.All.EqualTo(1));
    }

    [Test]
    public async Task Stream_OfAMinute_IsReplacedWithoutALoss()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { _server.Address }, DefaultDeadline = TimeSpan.FromHours(1) }, time: time);
        var stream = await OpenAsync(client, _server);
        var before = client.GetCountsAsync(1);
        time.Advance(TimeSpan.FromSeconds(61));
        var last = client.GetCountsAsync(2);
        var asked = await stream.NextAsync(2);

        var next = await _server.Service.NextStreamAsync();
        await stream.UntilCompletedAsync();
        await stream.AnswerAsync([.. asked.Values]);
        await Task.WhenAll(before, last);
        stream.End();
        var after = client.GetCountsAsync(3);
        await next.AnswerAsync(await next.NextAsync());
        await after;
    }

    [Test]
    public async Task Stream_WhoseServerIsKilled_ItsReadsAreAnsweredByTheOther()
    {
        await using var other = await ScriptedServer.StartAsync();
        using var client = ScriptedServer.ClientOf(_server, other);
        other.Service.TakesStreams = true;
        var stream = await OpenAsync(client, _server);
        var otherStream = await other.Service.NextStreamAsync();
        Task<CountsAnswer>[] reading = [.. Enumerable.Range(1, 50).Select(id => client.GetCountsAsync(id))];
        await stream.NextAsync(25);
        await otherStream.AnswerAsync([.. (await otherStream.NextAsync(25)).Values]);

        await _server.KillAsync();

        await otherStream.AnswerAsync([.. (await otherStream.NextAsync(25)).Values]);
        await Task.WhenAll(reading);
    }

    [Test]
    public async Task Server_OfBefore_IsServedByCalls()
    {
        await using var before = await ScriptedServer.StartAsync();
        using var client = ScriptedServer.ClientOf(before);
        for (var i = 0; i < 100; i++)
        {
            await client.GetCountsAsync(1);
        }

        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => client.GetCountsAsync(1)));
        Assert.That(before.Service.Reads, Is.EqualTo(200));
    }

    [Test]
    public async Task Servers_OneOfThemOfBefore_BothHaveReads()
    {
        await using var before = await ScriptedServer.StartAsync();
        using var client = ScriptedServer.ClientOf(_server, before);
        await client.GetCountsAsync(ScriptedReads.Opening);
        await client.GetCountsAsync(ScriptedReads.Opening);
        var answering = AnswerAsync(await _server.Service.NextStreamAsync());
        await Wait.UntilAsync(
            async () =>
            {
                await client.GetCountsAsync(1);
                return before.Service.Reads > 20;
            },
            RunningService.Patience, "the server of before has its share");

        client.Dispose();
        Assert.That(await answering, Is.GreaterThan(20));
        Assert.That(before.Service.RefusedStreams, Is.EqualTo(1), "it is asked once");
    }

    [Test]
    public async Task Servers_ThatBothTakeStreams_HaveTheirTurns()
    {
        await using var other = await ScriptedServer.StartAsync();
        other.Service.TakesStreams = true;
        using var client = ScriptedServer.ClientOf(_server, other);
        var stream = await OpenAsync(client, _server);
        var (mine, its) = (AnswerAsync(stream), AnswerAsync(await other.Service.NextStreamAsync()));
        for (var i = 0; i < 100; i++)
        {
            await client.GetCountsAsync(1);
        }

        client.Dispose();
        Assert.That(new[] { await mine, await its }, Has.All.EqualTo(50));
    }

    [Test]
    public async Task Caller_ThatBlocksItsThread_HoldsUpNoOther()
    {
        var stream = await OpenAsync();
        using var released = new ManualResetEventSlim();
        var blocking = Task.Run(async () =>
        {
            await _client.GetCountsAsync(1);
            released.Wait();
        });
        await stream.AnswerAsync(await stream.NextAsync());
        for (var id = 2; id < 50; id++)
        {
            var reading = _client.GetCountsAsync(id);
            await stream.AnswerAsync(await stream.NextAsync());
            await reading;
        }

        released.Set();
        await blocking;
    }

    [Test]
    public async Task Client_Disposed_EndsItsReads()
    {
        var stream = await OpenAsync();
        Task<CountsAnswer>[] reading = [.. Enumerable.Range(1, 20).Select(id => _client.GetCountsAsync(id))];
        await stream.NextAsync();

        _client.Dispose();

        foreach (var read in reading)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => read);
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => _client.GetCountsAsync(1));
        await Assert.CatchAsync<OperationCanceledException>(() => stream.Ended);
    }

    [Test]
    public async Task RealServices_OneKilledAgainAndAgain_EveryReadSeesItsOwnWrite()
    {
        await using var database = await TestDatabase.CreateAsync();
        var address = new Uri($"http://127.0.0.1:{LoopbackPort.ChooseNew()}");
        string[] settings = [$"--ConnectionStrings:Postgres={database.ConnectionString}", $"--Kestrel:Endpoints:Grpc:Url={address}"];
        await using var steady = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(8);
        using var client = new TweetCountsClient(
            new TweetCountsClientOptions { Addresses = { address, steady.GrpcAddress }, MaxBackoff = TimeSpan.FromMilliseconds(100), DefaultDeadline = TimeSpan.FromSeconds(60) });
        using var only = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { address } });
        using var ending = new CancellationTokenSource();
        var callers = Enumerable.Range(1, 8).Select(id => Task.Run(() => CallAsync(id))).ToArray();
        for (var round = 0; round < 2; round++)
        {
            await using var killed = ServiceProcess.Start(settings);
            await Wait.UntilAsync(IsLiveAsync, RunningService.Patience, "it is LIVE");
            for (var read = 0; read < 100; read++)
            {
                await client.GetCountsAsync(1);
            }

            using var process = Process.GetProcessById(killed.Id);
            process.Kill();
            await process.WaitForExitAsync();
        }

        await ending.CancelAsync();
        Assert.That(await Task.WhenAll(callers), Has.All.GreaterThan(0));

        async Task<long> CallAsync(long id)
        {
            var written = 0L;
            await using var writer = await database.OpenAsync();
            while (!ending.IsCancellationRequested)
            {
                var xid = ulong.Parse(await writer.QueryAsync<string>(
                    $"with written as (insert into tweet.activity (messageid, action) values ({id}, 'rt') returning 1) select pg_current_xact_id()::text from written"));
                written++;
                var requirement = written % 2 == 0 ? ReadRequirement.Strong : ReadRequirement.AtLeastXid(xid);
                Assert.That((await ReadAsync(id, requirement)).Counts.Retweets, Is.EqualTo(written));
            }

            return written;
        }

        async Task<CountsAnswer> ReadAsync(long id, ReadRequirement requirement)
        {
            while (true)
            {
                try
                {
                    return await client.GetCountsAsync(id, requirement);
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
                {
                    // The one that comes back answers before it has loaded; and each of four attempts may meet the one that is gone.
                }
            }
        }

        async Task<bool> IsLiveAsync()
        {
            try
            {
                return (await only.GetStatusAsync()).State == CacheService.Client.FeedState.Live;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                return false;
            }
        }
    }

    private Task<ScriptedReads> OpenAsync() => OpenAsync(_client, _server);

    /// <summary>Reads until there is a stream to each server.</summary>
    private static async Task<ScriptedReads> OpenAsync(TweetCountsClient client, ScriptedServer server)
    {
        await Wait.UntilAsync(
            () =>
            {
                _ = client.HasStreams ? null : client.GetCountsAsync(ScriptedReads.Opening);
                return client.HasStreams;
            },
            RunningService.Patience,
            "streams are open");
        return await server.Service.NextStreamAsync();
    }

    /// <summary>Answers each read until the client has gone.</summary>
    /// <returns>How many there were.</returns>
    private static async Task<int> AnswerAsync(ScriptedReads stream)
    {
        for (var answered = 0; ; answered++)
        {
            try
            {
                await stream.AnswerAsync(await stream.NextAsync());
            }
            catch (Exception) when (stream.Ended.IsCompleted)
            {
                return answered;
            }
        }
    }
}
