using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Tool;

public sealed class DaysTests
{
    private FakeServer _server = null!;

    [SetUp]
    public async Task StartServer()
    {
        _server = await FakeServer.StartAsync();
        _server.Service.Days = new ListDailyCountsResponse
        {
            Days = { new DailyCounts { Day = "2026-11-28", Retweets = 5, UndoneRetweets = 1, Likes = 1234, UndoneLikes = 2 }, new DailyCounts { Day = "2026-11-29", Likes = 7 } },
            TimeZone = "Europe/Berlin",
            Freshness = new Freshness { Epoch = "e1", Revision = 42, Age = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(3)), State = FeedState.Live },
        };
    }

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [Test]
    public async Task Days_NotATerminal_PrintsTabSeparatedLines()
    {
        var run = await _server.RunAsync("days");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Output.ReplaceLineEndings("\n"), Is.EqualTo("2026-11-28\t5\t1\t1234\t2\n2026-11-29\t0\t0\t7\t0\n"));
        Assert.That(run.Error, Is.EqualTo("revision 42, age 3 ms, LIVE"));
        Assert.That(_server.Service.DaysRequest, Is.EqualTo(new ListDailyCountsRequest()));
    }

    [Test]
    public async Task Days_Terminal_PrintsATableWithItsTimeZone()
    {
        var run = await _server.RunAtTerminalAsync("days");

        Assert.That(run.Output, Does.Contain("day (Europe/Berlin)").And.Contain("2026-11-28").And.Contain("1,234").And.Contain("revision 42, age 3 ms, LIVE"));
    }

    [Test]
    public async Task Days_Json_PrintsNumbers()
    {
        var json = JsonNode.Parse((await _server.RunAsync("days", "--json")).Output)!;

        Assert.That(json["days"]![0]!["day"]!.GetValue<string>(), Is.EqualTo("2026-11-28"));
        Assert.That(json["days"]![0]!["undoneLikes"]!.GetValue<long>(), Is.EqualTo(2));
        Assert.That(json["timeZone"]!.GetValue<string>(), Is.EqualTo("Europe/Berlin"));
        Assert.That(json["freshness"]!["state"]!.GetValue<string>(), Is.EqualTo("LIVE"));
    }

    [Test]
    public async Task Days_RangeAndRequirement_AreSent()
    {
        await _server.RunAsync("days", "--from", "2026-11-01", "--to", "2026-11-30", "--strong");

        Assert.That(_server.Service.DaysRequest, Is.EqualTo(new ListDailyCountsRequest { From = "2026-11-01", To = "2026-11-30", Read = new ReadOptions { Strong = true } }));
    }

    [TestCase("days", "--from", "yesterday")]
    [TestCase("days", "--to", "2026-02-30")]
    [TestCase("days", "--from-database")]
    [TestCase("days", "--strong", "--max-age", "1s")]
    public async Task Days_BadUsage_IsOneLineAndExitCodeTwo(params string[] args)
    {
        var run = await _server.RunAsync(args);

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.Error, Does.StartWith("tweetcounts: ").And.EndWith("; see tweetcounts days --help").And.Not.Contain("\n"));
    }

    [Test]
    public async Task Days_ServiceHasNone_PrintsItsWords()
    {
        _server.Service.Failure = new RpcException(new Status(StatusCode.FailedPrecondition, "there are no daily counts, because …"));

        var run = await _server.RunAsync("days");

        Assert.That(run, Is.EqualTo(new ToolRun(1, "", "tweetcounts: there are no daily counts, because …")));
    }
}
