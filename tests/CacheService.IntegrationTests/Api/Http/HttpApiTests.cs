using System.Net;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>The HTTP API's own: how a request is written, ETags, timeouts, errors of HTTP. That it says what gRPC says is for <see cref="ConformanceTests"/>.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class HttpApiTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MaxRequestBytes=2000", "--Limits:TopCountsExpiration=00:00:00.010", "--Feed:StaleAfter=00:01:00");
        await _database.AddMessagesAsync(20);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select 3, 'fav' from generate_series(1, 100)");
        await _service.AssertEqualsViewAsync(_database);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Json_OfCounts_IsProtobufsWithItsZeros()
    {
        var answer = await _service.GetAsync("v1/messages/3/counts");
        Assert.That(answer.Body, Does.Match("""^{ "counts": { "messageId": "3", "retweets": "0", "likes": "100", "revision": "[1-9][0-9]*" }, "freshness": { "epoch": "[0-9a-f]+", "revision": "[0-9]+", "age": "[0-9.]+s", "state": "FEED_STATE_LIVE", "source": "READ_SOURCE_UNSPECIFIED" } }\n$"""));
        Assert.That(answer.Response.Headers.CacheControl?.NoCache, Is.True);
    }

    [TestCase("v1/messages/x/counts", "id is 'x'; write a whole number")]
    [TestCase("v1/messages/9223372036854775808/counts", "write a whole number up to 9223372036854775807")]
    [TestCase("v1/messages/1.0", "id is '1.0'")]
    [TestCase("v1/counts?ids=1,two", "ids is 'two'")]
    [TestCase("v1/counts?ids=1,,2", "ids is ''")]
    [TestCase("v1/messages/1/counts?strong=yes", "strong is 'yes'; write true or false")]
    [TestCase("v1/messages/1/counts?max_age=1", "max_age is '1'; write seconds, such as 1s or 0.25s")]
    [TestCase("v1/messages/1/counts?max_age=1s%22", "max_age is")]
    [TestCase("v1/messages/1/counts?at_least_xid=-1", "at_least_xid is '-1'")]
    [TestCase("v1/messages/1/counts?strong=true&max_age=1s", "strong and max_age are both set; choose one")]
    [TestCase("v1/messages/1/counts?strong=true&strong=true", "strong is there twice")]
    [TestCase("v1/messages/1/counts?stong=true", "there is no parameter 'stong' here; there are strong, max_age, at_least_xid, source, timeout")]
    [TestCase("v1/messages/1/counts?source=disk", "source is 'disk'; use cache, database")]
    [TestCase("v1/messages/1/counts?timeout=0s", "timeout is not a duration from")]
    [TestCase("v1/messages/1/counts?timeout=3601s", "timeout is not a duration from")]
    [TestCase("v1/top?order=fame", "order is 'fame'; use total, retweets, likes")]
    [TestCase("v1/top?limit=ten", "limit is 'ten'")]
    [TestCase("v1/counts/watch?all=maybe", "all is 'maybe'")]
    public async Task Get_OfWhatCannotBeRead_SaysWhatToWrite(string path, string words)
    {
        var answer = await _service.GetAsync(path);
        Assert.That((answer.Code, answer.Status), Is.EqualTo((HttpStatusCode.BadRequest, "INVALID_ARGUMENT")));
        Assert.That(answer.Detail, Does.Contain(words));
    }

    [TestCase("")]
    [TestCase("[]")]
    [TestCase("""{ "messageIds": [ 1, "two" ] }""")]
    [TestCase("""{ "messageIds": [ 99999999999999999999 ] }""")]
    [TestCase("""{ "messageIds": [ 1 ], "raed": { "strong": true } }""")]
    [TestCase("""{ "messageIds": [ 1 ], "read": { "strong": true, "maxAge": "1s" } }""")]
    [TestCase("""{ "messageIds": [ 1 ] } { "messageIds": [ 1 ] }""")]
    public async Task Post_OfABodyThatIsNoMessage_SaysSo(string body)
    {
        var answer = await _service.PostAsync("v1/counts:batch", body);
        Assert.That((answer.Code, answer.Status), Is.EqualTo((HttpStatusCode.BadRequest, "INVALID_ARGUMENT")));
        Assert.That(answer.Detail, Does.StartWith("the body is no BatchGetCountsRequest in JSON: "));
    }

    [Test]
    public async Task Post_OfADeepBody_IsRefused()
    {
        var answer = await _service.PostAsync("v1/counts:batch", $$"""{ "read": {{string.Concat(Enumerable.Repeat("[", 900))}} """);
        Assert.That(answer.Code, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task Post_OfALongBody_IsRefused()
    {
        var answer = await _service.PostAsync("v1/counts:batch", $$"""{ "messageIds": [ {{string.Join(',', Enumerable.Range(1, 1000))}} ] }""");
        Assert.That((answer.Code, answer.Status), Is.EqualTo((HttpStatusCode.RequestEntityTooLarge, "RESOURCE_EXHAUSTED")));
        Assert.That(answer.Detail, Does.Contain("2000"));
    }

    [Test]
    public async Task Get_OfALongQuery_IsRefusedByTheServer()
    {
        var answer = await _service.GetAsync($"v1/counts?ids={string.Join(',', Enumerable.Range(1_000_000, 3000))}");
        Assert.That(answer.Code, Is.EqualTo(HttpStatusCode.RequestUriTooLong));
    }

    [Test]
    public async Task ETag_OfOneMessage_HoldsUntilThatMessageChanges()
    {
        var first = await _service.GetAsync("v1/messages/7/counts");
        Assert.That(first.ETag, Does.Match("^W/\"[0-9a-f]+-[0-9]+\"$"));
        var (id, other) = (("If-None-Match", first.ETag!), ("If-None-Match", "\"other\""));

        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (8, 'rt')");
        var same = await _service.GetAsync("v1/messages/7/counts?strong=true", id);
        Assert.That((same.Code, same.Body, same.ETag), Is.EqualTo((HttpStatusCode.NotModified, "", first.ETag)), "another message's change");
        Assert.That((await _service.GetAsync("v1/messages/7/counts", other)).Code, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await _service.GetAsync("v1/messages/7/counts", ("If-None-Match", $"\"other\", {first.ETag}"))).Code, Is.EqualTo(HttpStatusCode.NotModified));
        Assert.That((await _service.GetAsync("v1/messages/7/counts", ("If-None-Match", "no tag"))).Code, Is.EqualTo(HttpStatusCode.OK));

        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (7, 'rt')");
        var changed = await _service.GetAsync("v1/messages/7/counts?strong=true", id);
        Assert.That(changed.Message<GetCountsResponse>().Counts.Retweets, Is.EqualTo(1));
        Assert.That(changed.ETag, Is.Not.EqualTo(first.ETag));
    }

    [TestCase("v1/counts?ids=1,2,999&strong=true")]
    [TestCase("v1/top?limit=20")]
    public async Task ETag_OfMany_HoldsUntilAnyMessageChanges(string path)
    {
        await _service.GetAsync("v1/messages/1/counts?strong=true");
        HttpAnswer first = null!;
        await Wait.UntilAsync(
            async () => (await _service.GetAsync(path, ("If-None-Match", (first = await _service.GetAsync(path)).ETag!))).Code == HttpStatusCode.NotModified,
            RunningService.Patience, "nothing changes");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (9, 'rt')");
        await Wait.UntilAsync(async () => (await _service.GetAsync(path, ("If-None-Match", first.ETag!))).Code == HttpStatusCode.OK, RunningService.Patience, "the change shows");
    }

    [TestCase("v1/messages/3/counts?source=database")]
    [TestCase("v1/messages/3")]
    [TestCase("v1/status")]
    public async Task ETag_OfWhatHasNoRevision_IsThereNone(string path) => Assert.That((await _service.GetAsync(path)).ETag, Is.Null);

    [Test]
    public async Task ETag_WhileStale_IsNotConfirmed()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:00:10");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        var live = await service.GetAsync("v1/messages/1/counts");
        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await gate.TerminateServiceAsync();
        await Wait.UntilAsync(() => service.Status.Condition.State == CacheService.Feed.FeedState.Stale, RunningService.Patience, "the counts are STALE");
        var stale = await service.GetAsync("v1/messages/1/counts", ("If-None-Match", live.ETag!));
        Assert.That(stale.ETag, Is.Null);
        Assert.That(stale.Message<GetCountsResponse>().Freshness.State, Is.EqualTo(FeedState.Stale));
    }

    [Test]
    public async Task StrongRead_WhileTheDatabaseIsAway_EndsInTime()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Limits:MaxReadWait=00:00:05");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await gate.TerminateServiceAsync();
        // What a stall takes from half a second is less than that.
        await Task.WhenAll(
            AssertEndsAsync("v1/messages/1/counts?strong=true", @"5\.0"),
            AssertEndsAsync("v1/messages/1/counts?strong=true&timeout=0.5s", @"0\.[0-4]"),
            AssertEndsAsync("v1/messages/1/counts?strong=true&timeout=600s", @"5\.0"));
        Assert.That((await service.GetAsync("v1/messages/1/counts")).Code, Is.EqualTo(HttpStatusCode.OK));

        async Task AssertEndsAsync(string path, string limit)
        {
            // A machine that stalls for longer than the answer's margin makes one timeout pass without the reason, and not one after the other.
            HttpAnswer answer = null!;
            await Wait.UntilAsync(async () => (answer = await service.GetAsync(path)).Code != HttpStatusCode.GatewayTimeout, RunningService.Patience, $"{path} is answered in time");
            Assert.That((answer.Code, answer.Status), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "UNAVAILABLE")));
            Assert.That(answer.Detail, Does.Match($"^the requirement could not be met within {limit} s; try again, or read without one. The feed is "));
        }
    }

    [Test]
    public async Task Timeout_OfAnAuditThatTakesLonger_IsDeadlineExceeded()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Audit:Interval=1.00:00:00");
        await database.AddMessagesAsync(1);
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync("begin; lock table tweet.activity in access exclusive mode");
        var answer = await service.PostAsync("v1/audit?timeout=0.2s");
        Assert.That((answer.Code, answer.Status, answer.Detail), Is.EqualTo((HttpStatusCode.GatewayTimeout, "DEADLINE_EXCEEDED", "the time that the request allows (timeout) is over; allow more")));
        await connection.ExecuteAsync("rollback");
    }

    [TestCase("GET", "nowhere", HttpStatusCode.NotFound, "there is no route GET /nowhere; /openapi/v1.json lists them all")]
    [TestCase("GET", "v1/audit", HttpStatusCode.NotFound, "there is no route GET /v1/audit; /openapi/v1.json lists them all")]
    [TestCase("DELETE", "v1/messages/1/counts", HttpStatusCode.MethodNotAllowed, "DELETE is not for /v1/messages/1/counts; /openapi/v1.json says what is")]
    public async Task Route_ThatIsNone_IsAProblemToo(string verb, string path, HttpStatusCode code, string detail)
    {
        var answer = await _service.SendAsync(new HttpMethod(verb), path, null);
        Assert.That((answer.Code, answer.Detail), Is.EqualTo((code, detail)));
    }

    [Test]
    public async Task Http2_OnTheGrpcEndpoint_HasTheSameRoutes()
    {
        using var client = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        var answer = await HttpAnswer.OfAsync(await client.GetAsync(new Uri(_service.GrpcAddress, "v1/messages/3/counts")));
        Assert.That(answer.Message<GetCountsResponse>().Counts.Likes, Is.EqualTo(100));
    }

    [Test]
    public async Task Http_SwitchedOff_LeavesHealth()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Security:AllowHttp=false", "--Feed:StaleAfter=00:01:00");
        Assert.That((await service.GetAsync("health")).Body, Is.EqualTo("live\n"));
        foreach (var path in (string[])["v1/status", "openapi/v1.json"])
        {
            Assert.That((await service.GetAsync(path)).Code, Is.EqualTo(HttpStatusCode.NotFound));
        }
    }
}
