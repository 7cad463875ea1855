using CacheService.Client;
using CacheService.Health;
using CacheService.IntegrationTests.Api.Grpc;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Tool;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1;

namespace CacheService.IntegrationTests.Security;

/// <summary>API keys: who has one with the right gets in, everybody else is told what to do.</summary>
internal sealed class ApiKeyTests
{
    private static readonly TestKey Reader = new(0, "reader", "Read");
    private static readonly TestKey Watcher = new(1, "watcher", "watch");
    private static readonly TestKey Both = new(2, "both", "Read,Watch");

    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, [.. Reader.Settings, .. Watcher.Settings, .. Both.Settings, "--Feed:StaleAfter=00:01:00"]);
        await _database.AddMessagesAsync(3);
        using var client = Client(Both);
        await client.GetCountsAsync(3, ReadRequirement.Strong);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Call_WithTheRight_GetsIn()
    {
        Assert.That(await _service.Client.ReadAsync($"Bearer {Reader.Key}"), Is.EqualTo(Status.DefaultSuccess));
        Assert.That(await _service.Client.ReadAsync($"bearer {Reader.Key}"), Is.EqualTo(Status.DefaultSuccess), "the scheme's case does not matter");
        Assert.That(await _service.Client.WatchAsync($"Bearer {Watcher.Key}"), Is.EqualTo(Status.DefaultSuccess));
        Assert.That(await _service.Client.ReadAsync($"Bearer {Both.Key}"), Is.EqualTo(Status.DefaultSuccess));
        Assert.That(await _service.Client.WatchAsync($"Bearer {Both.Key}"), Is.EqualTo(Status.DefaultSuccess));
    }

    [Test]
    public async Task Call_WithoutAKey_IsToldToSendOne()
    {
        foreach (var status in (Status[])[await _service.Client.ReadAsync(), await _service.Client.WatchAsync()])
        {
            Assert.That(status.StatusCode, Is.EqualTo(StatusCode.Unauthenticated));
            Assert.That(status.Detail, Is.EqualTo("this call needs an API key: send it as metadata, authorization: Bearer KEY"));
        }
    }

    [Test]
    public async Task Call_WithAKeyThatNobodyHas_IsToldSo()
    {
        foreach (var header in (string[])["Bearer wrong", "Bearer", "Bearer ", Reader.Key, $"Basic {Reader.Key}", $"Bearer {Reader.Key}x", $"Bearer {new string('x', 5000)}"])
        {
            foreach (var status in (Status[])[await _service.Client.ReadAsync(header), await _service.Client.WatchAsync(header)])
            {
                Assert.That(status.StatusCode, Is.EqualTo(StatusCode.Unauthenticated), header);
                Assert.That(status.Detail, Does.Contain("does not know this API key").And.Not.Contain(Reader.Key));
            }
        }
    }

    [Test]
    public async Task Call_WithTwoKeys_IsRefused() =>
        Assert.That((await _service.Client.ReadAsync($"Bearer {Reader.Key}", $"Bearer {Both.Key}")).StatusCode, Is.EqualTo(StatusCode.Unauthenticated));

    [Test]
    public async Task Call_WithoutTheRight_IsToldWhichIsMissing()
    {
        var watch = await _service.Client.WatchAsync($"Bearer {Reader.Key}");
        Assert.That(watch.StatusCode, Is.EqualTo(StatusCode.PermissionDenied));
        Assert.That(watch.Detail, Does.StartWith("'key reader' lacks the right Watch for /tweetcounts.v1.TweetCountsService/WatchCounts; use a key that has it"));

        var read = await _service.Client.ReadAsync($"Bearer {Watcher.Key}");
        Assert.That(read.StatusCode, Is.EqualTo(StatusCode.PermissionDenied));
        Assert.That(read.Detail, Does.Contain("'key watcher' lacks the right Read"));
    }

    [Test]
    public async Task Health_WithoutAKey_Answers()
    {
        var health = new global::Grpc.Health.V1.Health.HealthClient(_service.Channel);
        Assert.That((await health.CheckAsync(new HealthCheckRequest())).Status, Is.EqualTo(HealthCheckResponse.Types.ServingStatus.Serving));
        var list = await _service.Channel.CreateCallInvoker().AsyncUnaryCall(HealthList.Method, null, new CallOptions(), new CacheService.Health.Protocol.HealthListRequest());
        Assert.That(list.Statuses, Has.Count.EqualTo(2));
        using var watch = health.Watch(new HealthCheckRequest());
        Assert.That(await watch.ResponseStream.MoveNext(CancellationToken.None), Is.True);
        using var http = new HttpClient();
        Assert.That(await http.GetStringAsync(new Uri(_service.HttpAddress, "health")), Is.EqualTo("live\n"));
    }

    [TestCase("v1")]
    [TestCase("v1alpha")]
    public async Task Reflection_AsksForTheRightToRead(string version)
    {
        Assert.That(await ReflectAsync(), Is.EqualTo(StatusCode.Unauthenticated));
        Assert.That(await ReflectAsync($"Bearer {Watcher.Key}"), Is.EqualTo(StatusCode.PermissionDenied));
        Assert.That(await ReflectAsync($"Bearer {Reader.Key}"), Is.EqualTo(StatusCode.OK));

        async Task<StatusCode> ReflectAsync(params string[] authorization) => (await SecureCalls.StatusAsync(async () =>
        {
            using var call = _service.Channel.Reflect(version, SecureCalls.Headers(authorization));
            await call.AskAsync(new ServerReflectionRequest { ListServices = "" });
        })).StatusCode;
    }

    [Test]
    public async Task Refusal_OfWhatIsNoGrpc_IsAnHttpError()
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_service.GrpcAddress, "/tweetcounts.v1.TweetCountsService/GetStatus")) { Version = new Version(2, 0), VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var response = await http.SendAsync(request);
        Assert.That(response.StatusCode, Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Client_WithItsKey_ReadsAndWatches()
    {
        using var client = Client(Both);
        Assert.That((await client.GetCountsAsync(1)).Counts.MessageId, Is.EqualTo(1));
        await using var mirror = client.StartMirror(CacheService.Client.WatchOptions.All);
        await mirror.WaitUntilSyncedAsync();
        Assert.That(mirror.Count, Is.EqualTo(3));
    }

    [Test]
    public async Task Client_WithoutTheRight_IsToldAndDoesNotTryForEver()
    {
        using var client = Client(Reader);
        Assert.That((await client.GetCountsAsync(1)).Counts.MessageId, Is.EqualTo(1));
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (var _ in client.WatchAsync(CacheService.Client.WatchOptions.All))
            {
            }
        });
        Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.PermissionDenied));
    }

    [Test]
    public async Task Tool_WithAKeyFromNewApiKey_GetsIn()
    {
        var made = await ToolRun.RunAsync("new-api-key");
        var lines = made.OutputLines.Select(line => line.Split('\t')).ToDictionary(line => line[0], line => line[1]);
        Assert.That(made.Error, Does.Contain(lines["sha256"]).And.Not.Contain(lines["key"]), "the key is shown once");

        await using var service = await RunningService.StartAsync(
            _database.ConnectionString, "--Security:ApiKeys:0:Name=made", $"--Security:ApiKeys:0:Sha256={lines["sha256"]}", "--Security:ApiKeys:0:Rights=Read");
        using var files = new TestCertificates();
        var (right, wrong) = (files.Write("right", lines["key"] + "\n"), files.Write("wrong", "other"));
        string[] status = ["status", "--address", service.GrpcAddress.ToString()];

        Assert.That((await ToolRun.RunAsync([.. status, "--api-key-file", right])).ExitCode, Is.Zero);
        var refused = await ToolRun.RunAsync([.. status, "--api-key-file", wrong]);
        Assert.That(refused.Error, Does.StartWith("tweetcounts: the service does not know this API key").And.Contain("--api-key-file"));
        Assert.That((await ToolRun.RunAsync(status)).Error, Does.Contain("this call needs an API key").And.Contain("TWEETCOUNTS_API_KEY"));
    }

    [Test]
    public async Task Tool_WithAKeyForAnotherMachineOverHttp_IsRefusedBeforeItIsSent()
    {
        using var files = new TestCertificates();
        var run = await ToolRun.RunAsync("status", "--address", "http://counts.example:5080", "--api-key-file", files.Write("key", "secret-word"));
        Assert.That(run.Error, Does.Contain("in the clear").And.Contain("--allow-plaintext-key").And.Not.Contain("secret-word"));
        Assert.That((await ToolRun.RunAsync("status", "--api-key-file", "/nowhere/key")).Error, Does.StartWith("tweetcounts: '/nowhere/key' is of no use as API key: "));
    }

    private TweetCountsClient Client(TestKey key)
    {
        var options = _service.Options();
        options.ApiKey = key.Key;
        return new TweetCountsClient(options);
    }
}
