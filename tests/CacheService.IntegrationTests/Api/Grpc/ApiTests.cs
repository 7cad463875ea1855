using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Grpc;

/// <summary>The unary methods over real gRPC, and their errors.</summary>
internal sealed class ApiTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MaxIdsPerRequest=100", "--Limits:MaxTopCounts=50", "--Limits:TopCountsExpiration=00:00:00.010", "--Feed:StaleAfter=00:01:00");
        await _database.AddMessagesAsync(20);
        await _database.ExecuteAsync(
            """
            insert into tweet.activity (messageid, action) select n, 'rt' from generate_series(1, 20) n, generate_series(1, n);
            insert into tweet.activity (messageid, action) select 3, 'fav' from generate_series(1, 100);
            insert into tweet.activity (messageid, action) values (1, 'de-rt'), (1, 'de-rt')
            """);
        await _service.AssertEqualsViewAsync(_database);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task GetCounts_OfAMessage_AnswersCountsAndFreshness()
    {
        var response = await _service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3 });

        Assert.That((response.Counts.MessageId, response.Counts.Retweets, response.Counts.Likes), Is.EqualTo((3L, 3L, 100L)));
        Assert.That(response.Freshness.State, Is.EqualTo(FeedState.Live));
        Assert.That(response.Freshness.Epoch, Is.Not.Empty);
        Assert.That(response.Freshness.Revision, Is.GreaterThanOrEqualTo(response.Counts.Revision));
        Assert.That(response.Freshness.Age.ToTimeSpan(), Is.InRange(TimeSpan.Zero, RunningService.Patience));
    }

    [Test]
    public async Task GetCounts_BelowZero_AnswersWhatTheDatabaseSays()
    {
        var response = await _service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 });
        Assert.That(response.Counts.Retweets, Is.EqualTo(-1));
    }

    [Test]
    public async Task BatchGetCounts_WithUnknownAndRepeatedIds_KeepsTheOrderAndNamesTheMissing()
    {
        var response = await _service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 7, 999, 2, 7, 1000 } });

        Assert.That(response.Counts.Select(counts => (counts.MessageId, counts.Retweets)), Is.EqualTo(new[] { (7L, 7L), (2, 2), (7, 7) }));
        Assert.That(response.MissingMessageIds, Is.EqualTo(new[] { 999L, 1000 }));
    }

    [TestCase(TopOrder.Unspecified, new long[] { 3, 20, 19 })]
    [TestCase(TopOrder.Total, new long[] { 3, 20, 19 })]
    [TestCase(TopOrder.Likes, new long[] { 3, 1, 2 })]
    [TestCase(TopOrder.Retweets, new long[] { 20, 19, 18 })]
    public async Task ListTopCounts_ByAnOrder_RanksAndBreaksTiesById(TopOrder order, long[] expected)
    {
        var response = await _service.Client.ListTopCountsAsync(new ListTopCountsRequest { OrderBy = order, Limit = 3 });
        Assert.That(response.Counts.Select(counts => counts.MessageId), Is.EqualTo(expected));
    }

    [Test]
    public async Task ListTopCounts_WithoutALimit_AnswersTen()
    {
        var response = await _service.Client.ListTopCountsAsync(new ListTopCountsRequest());
        Assert.That(response.Counts, Has.Count.EqualTo(10));
    }

    [Test]
    public async Task GetMessage_OfAMessage_AnswersAuthorTextTimeAndCounts()
    {
        var response = await _service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 3, Read = new ReadOptions { Strong = true } });

        Assert.That((response.MessageId, response.Author, response.Text), Is.EqualTo((3L, "Puck", "message 3")));
        Assert.That(response.PostedAt.ToDateTime(), Is.EqualTo(DateTime.UtcNow).Within(TimeSpan.FromMinutes(10)));
        Assert.That(response.Counts.Likes, Is.EqualTo(100));
        Assert.That(response.Freshness.State, Is.EqualTo(FeedState.Live));
    }

    [Test]
    public async Task GetStatus_WhileLive_SaysWhatItIsDoing()
    {
        await Wait.UntilAsync(() => _service.Status.NotificationsWorking, RunningService.Patience, "the self-test came back");
        var status = await _service.Client.GetStatusAsync(new GetStatusRequest());

        Assert.That((status.State, status.Detail, status.Messages), Is.EqualTo((FeedState.Live, "", 20L)));
        Assert.That(status.Snapshot, Does.Match(@"^\d+:\d+:[\d,]*$"));
        Assert.That((status.NotificationsWorking, status.Ringer), Is.EqualTo((true, true)));
        Assert.That(status.ServerVersion, Does.Match(@"^\d+"));
        Assert.That(status.Drains, Is.GreaterThan(0));
        Assert.That(status.Uptime.ToTimeSpan(), Is.GreaterThan(TimeSpan.Zero));
    }

    [Test]
    public async Task Calls_WithBadRequests_AreInvalidArgumentWithAdvice()
    {
        var client = _service.Client;
        var tooMany = new BatchGetCountsRequest { MessageIds = { Enumerable.Range(1, 101).Select(id => (long)id) } };
        await AssertFailsAsync(() => client.GetCountsAsync(new GetCountsRequest()), StatusCode.InvalidArgument, "message_id is 0");
        await AssertFailsAsync(() => client.GetCountsAsync(new GetCountsRequest { MessageId = -5 }), StatusCode.InvalidArgument, "message_id is -5");
        await AssertFailsAsync(() => client.BatchGetCountsAsync(new BatchGetCountsRequest()), StatusCode.InvalidArgument, "is empty");
        await AssertFailsAsync(() => client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 1, 0 } }), StatusCode.InvalidArgument, "message_ids[1] is 0");
        await AssertFailsAsync(() => client.BatchGetCountsAsync(tooMany), StatusCode.InvalidArgument, "at most 100");
        await AssertFailsAsync(() => client.ListTopCountsAsync(new ListTopCountsRequest { Limit = -1 }), StatusCode.InvalidArgument, "1 to 50");
        await AssertFailsAsync(() => client.ListTopCountsAsync(new ListTopCountsRequest { Limit = 51 }), StatusCode.InvalidArgument, "1 to 50");
        await AssertFailsAsync(() => client.ListTopCountsAsync(new ListTopCountsRequest { OrderBy = (TopOrder)77 }), StatusCode.InvalidArgument, "TOP_ORDER_LIKES");
        await AssertFailsAsync(() => client.GetMessageAsync(new GetMessageRequest()), StatusCode.InvalidArgument, "message_id is 0");
        await AssertFailsAsync(() => client.GetCountsAsync(With(new ReadOptions { MaxAge = new Duration { Seconds = -1 } })), StatusCode.InvalidArgument, "max_age");
        await AssertFailsAsync(() => client.GetCountsAsync(With(new ReadOptions { MaxAge = new Duration { Nanos = 2_000_000_000 } })), StatusCode.InvalidArgument, "max_age");
        await AssertFailsAsync(() => client.GetCountsAsync(With(new ReadOptions { MaxAge = new Duration { Seconds = long.MaxValue } })), StatusCode.InvalidArgument, "max_age");
        await AssertFailsAsync(() => client.GetCountsAsync(With(new ReadOptions { AtLeastXid = 0 })), StatusCode.InvalidArgument, "pg_current_xact_id");
    }

    [Test]
    public async Task Calls_ForAnUnknownMessage_AreNotFound()
    {
        await AssertFailsAsync(() => _service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 999 }), StatusCode.NotFound, "there is no message 999");
        await AssertFailsAsync(() => _service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 999 }), StatusCode.NotFound, "there is no message 999");
    }

    [Test]
    public async Task Calls_BeforeTheFirstLoad_AreUnavailable()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await using var service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString);

        await AssertFailsAsync(() => service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 }), StatusCode.Unavailable, "starting:");
        await AssertFailsAsync(() => service.Client.GetCountsAsync(With(new ReadOptions { Strong = true })), StatusCode.Unavailable, "starting:");
        await AssertFailsAsync(() => service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 1 } }), StatusCode.Unavailable, "starting:");
        await AssertFailsAsync(() => service.Client.ListTopCountsAsync(new ListTopCountsRequest()), StatusCode.Unavailable, "starting:");
        await AssertFailsAsync(() => service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1 }), StatusCode.Unavailable, "starting:");
        var status = await service.Client.GetStatusAsync(new GetStatusRequest());
        Assert.That((status.State, status.Messages, status.Epoch), Is.EqualTo((FeedState.Starting, 0L, "")));
    }

    [Test]
    public async Task Health_OverHttp_SaysWhetherTheFeedIsLive()
    {
        using var http = new HttpClient { BaseAddress = _service.HttpAddress };
        Assert.That(await http.GetStringAsync(new Uri("/health", UriKind.Relative)), Is.EqualTo("live\n"));
    }

    private static GetCountsRequest With(ReadOptions read) => new() { MessageId = 1, Read = read };

    private static async Task AssertFailsAsync<T>(Func<AsyncUnaryCall<T>> call, StatusCode code, string words)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call());
        Assert.That(error!.StatusCode, Is.EqualTo(code), error.Status.Detail);
        Assert.That(error.Status.Detail, Does.Contain(words));
    }
}
