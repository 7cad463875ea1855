using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;
using Wire = TweetCounts.V1;

namespace CacheService.IntegrationTests.Client;

public sealed class ClientTests
{
    private static readonly Wire.Freshness SentFreshness = new() { Epoch = "a", Revision = 42, Age = new Duration { Nanos = 3_000_000 }, State = Wire.FeedState.Live };
    private static readonly CacheService.Client.Freshness Freshness = new("a", 42, TimeSpan.FromMilliseconds(3), CacheService.Client.FeedState.Live);
    private static readonly Wire.Counts SentCounts = new() { MessageId = 3, Retweets = 4, Likes = -5, Revision = 6 };
    private static readonly MessageCounts Counts = new(3, 4, -5, 6);

    private ScriptedServer _server = null!;
    private TweetCountsClient _client = null!;

    [SetUp]
    public async Task Start()
    {
        _server = await ScriptedServer.StartAsync();
        _client = ScriptedServer.ClientOf(_server);
    }

    [TearDown]
    public async Task Stop()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task GetCounts_Answered_TellsCountsAndFreshness()
    {
        _server.Service.Counts = new GetCountsResponse { Counts = SentCounts, Freshness = SentFreshness };

        Assert.That(await _client.GetCountsAsync(3), Is.EqualTo(new CountsAnswer(Counts, Freshness)));
        Assert.That(_server.Service.CountsRequest, Is.EqualTo(new GetCountsRequest { MessageId = 3 }));
    }

    [Test]
    public async Task GetCounts_Requirement_IsSent()
    {
        await _client.GetCountsAsync(1, ReadRequirement.Strong);
        Assert.That(_server.Service.CountsRequest!.Read, Is.EqualTo(new ReadOptions { Strong = true }));

        await _client.GetCountsAsync(1, ReadRequirement.MaxAge(TimeSpan.FromSeconds(2)));
        Assert.That(_server.Service.CountsRequest!.Read, Is.EqualTo(new ReadOptions { MaxAge = new Duration { Seconds = 2 } }));

        await _client.GetCountsAsync(1, ReadRequirement.AtLeastXid(ulong.MaxValue));
        Assert.That(_server.Service.CountsRequest!.Read, Is.EqualTo(new ReadOptions { AtLeastXid = ulong.MaxValue }));
    }

    [Test]
    public async Task BatchGetCounts_SomeMissing_TellsBoth()
    {
        _server.Service.Batch = new BatchGetCountsResponse { Counts = { SentCounts }, MissingMessageIds = { 8, 9 }, Freshness = SentFreshness };

        var answer = await _client.BatchGetCountsAsync([3, 8, 9]);

        Assert.That(answer.Found, Is.EqualTo([Counts]));
        Assert.That(answer.MissingMessageIds, Is.EqualTo([8L, 9L]));
        Assert.That(answer.Freshness, Is.EqualTo(Freshness));
    }

    [Test]
    public async Task OtherReads_Answered_TellWhatTheServerSays()
    {
        _server.Service.Top = new ListTopCountsResponse { Counts = { SentCounts }, Freshness = SentFreshness };
        _server.Service.Message = new GetMessageResponse
        {
            MessageId = 3,
            Author = "Puck",
            Text = "Lord, what fools",
            PostedAt = Timestamp.FromDateTime(DateTime.UnixEpoch),
            Counts = SentCounts,
            Freshness = SentFreshness,
        };
        _server.Service.Status = new GetStatusResponse { State = Wire.FeedState.Syncing, Detail = "waiting", Messages = 7, Uptime = new Duration { Seconds = 5 } };

        Assert.That((await _client.ListTopCountsAsync(CacheService.Client.TopOrder.Likes, 5)).Counts, Is.EqualTo([Counts]));
        Assert.That(await _client.GetMessageAsync(3), Is.EqualTo(new TweetMessage(3, "Puck", "Lord, what fools", DateTimeOffset.UnixEpoch, Counts, Freshness)));
        var status = await _client.GetStatusAsync();
        Assert.That((status.State, status.Detail, status.Messages), Is.EqualTo((CacheService.Client.FeedState.Syncing, "waiting", 7L)));
        Assert.That((status.Age, status.Uptime), Is.EqualTo(((TimeSpan?)null, (TimeSpan?)TimeSpan.FromSeconds(5))));
    }

    [Test]
    public async Task Read_ServerUnavailableAtFirst_IsTriedAgain()
    {
        _server.Service.Failures.Enqueue(new RpcException(new Status(StatusCode.Unavailable, "starting")));

        await _client.GetCountsAsync(1);

        Assert.That(_server.Service.Reads, Is.EqualTo(2));
    }

    [Test]
    public async Task Read_ServerRefuses_ThrowsItsWords()
    {
        _server.Service.Failures.Enqueue(new RpcException(new Status(StatusCode.NotFound, "there is no message 1")));

        var error = await Assert.ThrowsAsync<RpcException>(() => _client.GetCountsAsync(1));

        Assert.That(error!.Status, Is.EqualTo(new Status(StatusCode.NotFound, "there is no message 1")));
        Assert.That(_server.Service.Reads, Is.EqualTo(1));
    }

    [Test]
    public async Task Read_ServerStaysUnavailable_IsTriedFourTimes()
    {
        for (var i = 0; i < 5; i++)
        {
            _server.Service.Failures.Enqueue(new RpcException(new Status(StatusCode.Unavailable, "starting")));
        }

        var error = await Assert.ThrowsAsync<RpcException>(() => _client.GetCountsAsync(1));

        Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.Unavailable));
        Assert.That(_server.Service.Failures, Has.Count.EqualTo(1));
        await _client.GetCountsAsync(1);
        Assert.That(_server.Service.Failures, Is.Empty);
    }

    [Test]
    public async Task Read_RefusedForAMoment_IsTriedAgainThen()
    {
        _server.Service.Failures.Enqueue(Refusal(StatusCode.ResourceExhausted, "1"));

        await _client.GetCountsAsync(1);

        Assert.That(_server.Service.Failures, Is.Empty);
    }

    [TestCase(StatusCode.ResourceExhausted, "3600000", TestName = "Read_RefusedBeyondTheDeadline_SaysWhyAtOnce")]
    [TestCase(StatusCode.Unavailable, "3600000", TestName = "Read_UnavailableBeyondTheDeadline_SaysWhyAtOnce")]
    [TestCase(StatusCode.Unavailable, "-1", TestName = "Read_RefusedForGood_SaysWhyAtOnce")]
    public async Task Read_NotToBeTriedAgain_SaysWhyAtOnce(StatusCode code, string pushback)
    {
        _server.Service.Failures.Enqueue(Refusal(code, pushback));
        _server.Service.Failures.Enqueue(Refusal(code, pushback));

        var error = await Assert.ThrowsAsync<RpcException>(() => _client.GetCountsAsync(1));

        Assert.That((error!.StatusCode, error.Status.Detail), Is.EqualTo((code, "refused")));
        Assert.That(_server.Service.Failures, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Read_ClientDisposedWhileItPauses_ThrowsAtOnce()
    {
        const string TenMinutes = "600000";
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { _server.Address }, DefaultDeadline = TimeSpan.FromHours(1) });
        _server.Service.Failures.Enqueue(Refusal(StatusCode.Unavailable, TenMinutes));
        var reading = client.GetCountsAsync(1);
        await Wait.UntilAsync(() => _server.Service.Failures.Count == 0, RunningService.Patience, "the call was refused");

        client.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => reading.WaitAsync(RunningService.Patience));
    }

    [Test]
    public async Task Read_Cancelled_ThrowsOperationCanceled() =>
        await Assert.CatchAsync<OperationCanceledException>(() => _client.GetCountsAsync(1, cancellationToken: new CancellationToken(canceled: true)));

    [Test]
    public async Task Read_ClientDisposed_Throws()
    {
        _client.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => _client.GetCountsAsync(1));
        Assert.Throws<ObjectDisposedException>(() => _client.StartMirror(WatchOptions.All));
    }

    [Test]
    public async Task Reads_TwoServers_AreSharedOut()
    {
        await using var other = await ScriptedServer.StartAsync();
        using var client = ScriptedServer.ClientOf(_server, other);

        // The second is in turn as soon as its connection stands.
        await Wait.UntilAsync(
            async () =>
            {
                await client.GetCountsAsync(1);
                return _server.Service.Reads > 5 && other.Service.Reads > 5;
            },
            RunningService.Patience,
            "both servers have been read from");
    }

    [Test]
    public async Task Reads_OneOfTwoServersKilled_AllAreAnswered()
    {
        await using var other = await ScriptedServer.StartAsync();
        using var client = ScriptedServer.ClientOf(_server, other);
        await Wait.UntilAsync(
            async () =>
            {
                await client.GetCountsAsync(1);
                return _server.Service.Reads > 0 && other.Service.Reads > 0;
            },
            RunningService.Patience,
            "both servers have been read from");

        await _server.KillAsync();

        for (var i = 0; i < 50; i++)
        {
            await client.GetCountsAsync(1);
        }
    }

    [Test]
    public async Task Watch_OneOfTwoServersKilled_MovesToTheOther()
    {
        await using var other = await ScriptedServer.StartAsync();
        using var client = ScriptedServer.ClientOf(_server, other);
        await using var mirror = client.StartMirror(WatchOptions.All);
        var (first, second) = (_server.Service.NextWatchAsync(), other.Service.NextWatchAsync());
        var (at, elsewhere) = await Task.WhenAny(first, second) == first ? (_server, second) : (other, first);
        (await (at == _server ? first : second)).Send(Sent.Everything("a", 5, (1, 10)));
        await mirror.WaitUntilSyncedAsync();

        await at.KillAsync();

        var watch = await elsewhere;
        Assert.That(watch.Request.ResumeEpoch, Is.EqualTo("a"));
        watch.Send(Sent.Everything("b", 1, (1, 11)));
        await Wait.UntilAsync(() => mirror.Freshness?.Epoch == "b" && mirror.State == MirrorState.Live, RunningService.Patience, "the mirror follows the other server");
        Assert.That(mirror.TryGet(1, out var counts) && counts.Likes == 11);
    }

    private static RpcException Refusal(StatusCode code, string pushback) => new(new Status(code, "refused"), new Metadata { { "grpc-retry-pushback-ms", pushback } });
}
