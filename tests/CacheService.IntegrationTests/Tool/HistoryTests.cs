using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Tool;

public sealed class HistoryTests
{
    private FakeServer _server = null!;

    [SetUp]
    public async Task StartServer()
    {
        _server = await FakeServer.StartAsync();
        _server.Service.History = new GetHistoryResponse
        {
            Samples =
            {
                new HistorySample
                {
                    At = Timestamp.FromDateTimeOffset(new DateTimeOffset(2026, 11, 29, 12, 0, 5, TimeSpan.Zero)), Length = Duration.FromTimeSpan(TimeSpan.FromSeconds(4)),
                    Reads = 1234.56, Changes = 2, Drains = 0.5, Age = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(101)), Watchers = 3, State = FeedState.Live,
                },
                new HistorySample { At = Timestamp.FromDateTimeOffset(new DateTimeOffset(2026, 11, 29, 12, 0, 9, TimeSpan.Zero)), State = FeedState.Starting },
            },
        };
    }

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [Test]
    public async Task History_NotATerminal_PrintsTabSeparatedLines()
    {
        var run = await _server.RunAsync("history", "--span", "10m");

        Assert.That(run.Output.ReplaceLineEndings("\n"), Is.EqualTo("12:00:05\t1234.6\t2\t0.5\t101 ms\t3\tLIVE\n12:00:09\t0\t0\t0\t\t0\tSTARTING\n"));
        Assert.That(_server.Service.HistoryRequest!.Span.ToTimeSpan(), Is.EqualTo(TimeSpan.FromMinutes(10)));
    }

    [Test]
    public async Task History_Terminal_PrintsATable() =>
        Assert.That((await _server.RunAtTerminalAsync("history")).Output, Does.Contain("changes/s").And.Contain("1234.6").And.Contain("STARTING"));

    [Test]
    public async Task History_Json_PrintsNumbers()
    {
        var json = JsonNode.Parse((await _server.RunAsync("history", "--json")).Output)!;

        Assert.That(json[0]!["ageSeconds"]!.GetValue<double>(), Is.EqualTo(0.101));
        Assert.That(json[0]!["state"]!.GetValue<string>(), Is.EqualTo("LIVE"));
        Assert.That(json[1]!["ageSeconds"], Is.Null);
    }
}
