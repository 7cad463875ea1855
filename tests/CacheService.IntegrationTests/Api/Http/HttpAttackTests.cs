using System.Net;
using System.Net.Sockets;
using System.Text;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>Requests that are none, or too slow: an error for who sends them, and nothing for the others.</summary>
internal sealed class HttpAttackTests
{
    private const string Smuggled = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";

    private static readonly string[] Malformed =
    [
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\n",
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\n",
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n",
        "POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /v1/status HTTP/1.1\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET /v1/status HTTP/9.1\r\nHost: x\r\n\r\n",
        "GET /v1/\0status HTTP/1.1\r\nHost: x\r\n\r\n",
    ];

    private TestDatabase _database = null!;
    private RunningService _service = null!;
    private MachineLag _lag = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _lag = new MachineLag();
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        var logged = _service.Log.WarningsOn(_lag).ToList();
        await _lag.DisposeAsync();
        await _service.DisposeAsync();
        await _database.DisposeAsync();

        // Nor can a sender fill the log.
        Assert.That(logged, Is.Empty);
    }

    [TestCaseSource(nameof(Malformed))]
    public async Task Request_ThatCouldBeReadInTwoWays_IsRefusedAndTheConnectionClosed(string request)
    {
        var answer = await SendAsync(request + Smuggled);
        Assert.That(answer, Does.Match("^HTTP/1.1 (400|411|505|501) "));
        Assert.That(answer, Does.Not.Contain("HTTP/1.1 200 "), "what follows is not taken for a request");
        Assert.That((await _service.GetAsync("v1/status")).Code, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Request_WithALengthAndChunks_HidesNoOtherRequest()
    {
        // By its length the body is all that follows, by its chunks it ends before the second request: a proxy that believes the length would pass on one request.
        var chunks = $"0\r\n\r\n{Smuggled}";
        var answer = await SendAsync($"POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nContent-Length: {chunks.Length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        Assert.That(answer, Does.StartWith("HTTP/1.1 400 "));
        Assert.That(Count(answer, "HTTP/1.1 "), Is.EqualTo(1));
    }

    [Test]
    public async Task Body_ThatComesTooSlowly_IsGivenUp()
    {
        using var slow = new TcpClient();
        await slow.ConnectAsync(IPAddress.Loopback, _service.HttpAddress.Port);
        var stream = slow.GetStream();
        await stream.WriteAsync("POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"u8.ToArray());
        var answer = stream.ReadToEndAsync();
        while (!answer.IsCompleted)
        {
            Assert.That((await _service.GetAsync("v1/status")).Code, Is.EqualTo(HttpStatusCode.OK), "others are served meanwhile");
        }

        Assert.That(await answer, Does.StartWith("HTTP/1.1 408 "));
    }

    [Test]
    public async Task Body_ThatIsCutOff_CostsNothing()
    {
        for (var n = 0; n < 20; n++)
        {
            using var cut = new TcpClient { LingerState = new LingerOption(n % 2 == 0, 0) };
            await cut.ConnectAsync(IPAddress.Loopback, _service.HttpAddress.Port);
            await cut.GetStream().WriteAsync("POST /v1/counts:batch HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"u8.ToArray());
        }

        Assert.That((await _service.GetAsync("v1/status")).Code, Is.EqualTo(HttpStatusCode.OK));
    }

    private async Task<string> SendAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _service.HttpAddress.Port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(request));
        return await client.GetStream().ReadToEndAsync();
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
