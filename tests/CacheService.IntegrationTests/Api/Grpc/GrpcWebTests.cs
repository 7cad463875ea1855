using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Web;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Grpc;

/// <summary>gRPC-Web, over HTTP/1.1.</summary>
internal sealed class GrpcWebTests
{
    private static readonly TestKey Key = new(0, "page", "Read,Watch");

    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(
            _database.ConnectionString, [.. Key.Settings, "--Security:CorsOrigins=https://app.example.com", "--Feed:StaleAfter=00:01:00"]);
        await _database.AddMessagesAsync(3);
        using var channel = Open(GrpcWebMode.GrpcWeb);
        await new TweetCountsService.TweetCountsServiceClient(channel).GetCountsAsync(new GetCountsRequest { MessageId = 3, Read = new ReadOptions { Strong = true } }, SecureCalls.Headers($"Bearer {Key.Key}"));
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [TestCase(GrpcWebMode.GrpcWeb)]
    [TestCase(GrpcWebMode.GrpcWebText)]
    public async Task Calls_OverHttp1_AreThoseOfGrpc(GrpcWebMode mode)
    {
        using var channel = Open(mode);
        var client = new TweetCountsService.TweetCountsServiceClient(channel);
        var headers = SecureCalls.Headers($"Bearer {Key.Key}");
        Assert.That((await client.GetCountsAsync(new GetCountsRequest { MessageId = 2 }, headers)).Counts.MessageId, Is.EqualTo(2));
        var missing = await SecureCalls.StatusAsync(async () => await client.GetCountsAsync(new GetCountsRequest { MessageId = 999 }, headers));
        Assert.That((missing.StatusCode, missing.Detail), Is.EqualTo((StatusCode.NotFound, "there is no message 999")));

        using var watch = client.WatchCounts(new WatchCountsRequest { MessageIds = { 2 } }, headers);
        Assert.That(await watch.ResponseStream.MoveNext(CancellationToken.None), Is.True);
        var before = watch.ResponseStream.Current.Counts.Single().Retweets;
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
        Assert.That(await watch.ResponseStream.MoveNext(CancellationToken.None), Is.True);
        Assert.That(watch.ResponseStream.Current.Counts.Single().Retweets, Is.EqualTo(before + 1));
    }

    [TestCase(GrpcWebMode.GrpcWeb)]
    [TestCase(GrpcWebMode.GrpcWebText)]
    public async Task Calls_WithoutAKeyOrTheRight_AreToldAsGrpcIs(GrpcWebMode mode)
    {
        using var channel = Open(mode);
        var client = new TweetCountsService.TweetCountsServiceClient(channel);
        var nobody = await client.ReadAsync();
        Assert.That((nobody.StatusCode, nobody.Detail), Is.EqualTo((StatusCode.Unauthenticated, "this call needs an API key: send it as metadata, authorization: Bearer KEY")));
        Assert.That((await client.WatchAsync("Bearer wrong")).StatusCode, Is.EqualTo(StatusCode.Unauthenticated));
        var reader = await SecureCalls.StatusAsync(async () => await client.AuditNowAsync(new AuditNowRequest(), SecureCalls.Headers($"Bearer {Key.Key}")));
        Assert.That(reader.StatusCode, Is.EqualTo(StatusCode.PermissionDenied));
    }

    [Test]
    public async Task Calls_OfAPageThatMayCall_AreAllowedByTheBrowser()
    {
        using var client = new HttpClient();
        using var preflight = new HttpRequestMessage(HttpMethod.Options, new Uri(_service.HttpAddress, "tweetcounts.v1.TweetCountsService/GetCounts"))
        {
            Headers = { { "Origin", "https://app.example.com" }, { "Access-Control-Request-Method", "POST" }, { "Access-Control-Request-Headers", "authorization,content-type,x-grpc-web,x-user-agent,grpc-timeout" } },
        };
        using var answer = await client.SendAsync(preflight);
        Assert.That(answer.Headers.GetValues("Access-Control-Allow-Origin"), Is.EqualTo(new[] { "https://app.example.com" }));
        Assert.That(answer.Headers.GetValues("Access-Control-Allow-Headers").Single(), Does.Contain("x-grpc-web"));
    }

    [Test]
    public async Task Calls_WhereHttpIsSwitchedOff_AreNone()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Security:AllowHttp=false");
        using var channel = Open(GrpcWebMode.GrpcWeb, service);
        Assert.That((await new TweetCountsService.TweetCountsServiceClient(channel).ReadAsync()).StatusCode, Is.Not.EqualTo(StatusCode.OK));
        Assert.That((await service.Client.ReadAsync()).StatusCode, Is.EqualTo(StatusCode.OK));
    }

    private GrpcChannel Open(GrpcWebMode mode, RunningService? service = null) => GrpcChannel.ForAddress(
        (service ?? _service).HttpAddress, new GrpcChannelOptions { HttpHandler = new GrpcWebHandler(mode, new SocketsHttpHandler()), HttpVersion = new Version(1, 1) });
}
