using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Tool;

public sealed class CachesTests
{
    private FakeServer _server = null!;

    [SetUp]
    public async Task StartServer()
    {
        _server = await FakeServer.StartAsync();
        _server.Service.Caches = new ListCachesResponse
        {
            Caches =
            {
                new Cache { Name = "web1-7-ab", Self = true, Loaded = true, Heard = Duration.FromTimeSpan(TimeSpan.FromSeconds(1.2)) },
                new Cache { Name = "web2-9-cd", Heard = Duration.FromTimeSpan(TimeSpan.FromSeconds(3)) },
                new Cache { Name = "web3-5-ef", Loaded = true, Heard = new Duration(), Follows = true, Age = Duration.FromTimeSpan(TimeSpan.FromSeconds(0.25)) },
            },
        };
    }

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [Test]
    public async Task Caches_NotATerminal_PrintsTabSeparatedLines()
    {
        var run = await _server.RunAsync("caches");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Output.ReplaceLineEndings("\n"), Is.EqualTo("web1-7-ab\tloaded\t1.2 s ago\t\tthis one\nweb2-9-cd\tloading\t3.0 s ago\t\t\nweb3-5-ef\tloaded\tunder 1 ms ago\tfollows, 250 ms old\t\n"));
    }

    [Test]
    public async Task Caches_Terminal_PrintsATable() =>
        Assert.That((await _server.RunAtTerminalAsync("caches")).Output, Does.Contain("web1-7-ab").And.Contain("this one").And.Contain("loading"));

    [Test]
    public async Task Caches_Json_PrintsNumbers()
    {
        var json = JsonNode.Parse((await _server.RunAsync("caches", "--json")).Output)!;

        Assert.That(json[1]!["name"]!.GetValue<string>(), Is.EqualTo("web2-9-cd"));
        Assert.That(json[1]!["loaded"]!.GetValue<bool>(), Is.False);
        Assert.That(json[1]!["heardSeconds"]!.GetValue<double>(), Is.EqualTo(3));
        Assert.That(json[1]!["follows"]!.GetValue<bool>(), Is.False);
        Assert.That(json[2]!["ageSeconds"]!.GetValue<double>(), Is.EqualTo(0.25));
    }
}
