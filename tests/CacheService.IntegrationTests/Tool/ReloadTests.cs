using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Tool;

public sealed class ReloadTests
{
    private FakeServer _server = null!;

    [SetUp]
    public async Task StartServer()
    {
        _server = await FakeServer.StartAsync();
        _server.Service.Reload = new ReloadNowResponse
        {
            Messages = 12_345,
            Duration = Duration.FromTimeSpan(TimeSpan.FromSeconds(75)),
            Freshness = new Freshness { Epoch = "e2", Revision = 1, Age = new Duration(), State = FeedState.Live },
        };
    }

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [TestCase(false)]
    [TestCase(true)]
    public async Task Reload_Done_SaysHowMuchAndHowLong(bool terminal)
    {
        var run = await (terminal ? _server.RunAtTerminalAsync("reload") : _server.RunAsync("reload"));

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Output, Does.StartWith("12,345 messages loaded afresh in 1 min 15 s"));
        Assert.That(terminal ? run.Output : run.Error, Does.Contain("revision 1").And.Contain("LIVE"));
    }

    [Test]
    public async Task Reload_Json_PrintsNumbers()
    {
        var json = JsonNode.Parse((await _server.RunAsync("reload", "--json")).Output)!;

        Assert.That(json["messages"]!.GetValue<long>(), Is.EqualTo(12_345));
        Assert.That(json["durationSeconds"]!.GetValue<double>(), Is.EqualTo(75));
        Assert.That(json["freshness"]!["epoch"]!.GetValue<string>(), Is.EqualTo("e2"));
    }

    [Test]
    public async Task Reload_NotLiveInTime_IsOneLineAndAskedForOnce()
    {
        _server.Service.Failure = new RpcException(new Status(StatusCode.Unavailable, "stale: waiting"));
        var run = await _server.RunAsync("reload");

        Assert.That((run.ExitCode, run.Output, run.Error), Is.EqualTo((1, "", "tweetcounts: stale: waiting")));
        Assert.That(_server.Service.Reloads, Is.EqualTo(1), "another attempt would be another load");
    }
}
