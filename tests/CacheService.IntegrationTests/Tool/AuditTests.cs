using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Tool;

public sealed class AuditTests
{
    private FakeServer _server = null!;

    [SetUp]
    public async Task StartServer()
    {
        _server = await FakeServer.StartAsync();
        _server.Service.Audit = new AuditNowResponse
        {
            Messages = 12_345,
            Differences = 1500,
            Repaired = 1499,
            FirstDifferences =
            {
                new AuditDifference { MessageId = 7, Expected = new AuditedCounts { Retweets = 1200, Likes = 2 }, Actual = new AuditedCounts { Retweets = 3, Likes = -4 } },
                new AuditDifference { MessageId = 8, Expected = new AuditedCounts() },
            },
            Duration = Duration.FromTimeSpan(TimeSpan.FromSeconds(75)),
            Freshness = new Freshness { Epoch = "e1", Revision = 42, State = FeedState.Live },
        };
    }

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [Test]
    public async Task Audit_NotATerminal_PrintsLinesAndTellsTheRest()
    {
        var run = await _server.RunAsync("audit");

        Assert.That(run.Output.ReplaceLineEndings("\n"), Is.EqualTo("7\t3\t-4\t1200\t2\n8\t\t\t0\t0\n"));
        Assert.That(run.Error, Does.Contain("shown are the first 2").And.Contain("12,345 messages compared in 1 min 15 s: 1,500 differed, 1,499 of those corrected").And.Contain("revision 42"));
        Assert.That(run.ExitCode, Is.EqualTo(1));
    }

    [Test]
    public async Task Audit_Terminal_ShowsATable()
    {
        var run = await _server.RunAtTerminalAsync("audit");

        Assert.That(run.Output, Does.Contain("instead of").And.Contain("1,200").And.Contain("none").And.Contain("1,500 differed").And.Contain("LIVE"));
        Assert.That(run.ExitCode, Is.EqualTo(1));
    }

    [Test]
    public async Task Audit_Json_PrintsNumbers()
    {
        var json = JsonNode.Parse((await _server.RunAsync("audit", "--json")).Output)!;

        Assert.That(json["differences"]!.GetValue<long>(), Is.EqualTo(1500));
        Assert.That(json["durationSeconds"]!.GetValue<double>(), Is.EqualTo(75));
        Assert.That(json["firstDifferences"]![0]!["expected"]!["retweets"]!.GetValue<long>(), Is.EqualTo(1200));
        Assert.That(json["firstDifferences"]![1]!["actual"], Is.Null);
        Assert.That(json["freshness"]!["revision"]!.GetValue<long>(), Is.EqualTo(42));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Audit_WithoutDifferences_Succeeds(bool terminal)
    {
        _server.Service.Audit = new AuditNowResponse { Messages = 5 };
        var run = await (terminal ? _server.RunAtTerminalAsync("audit") : _server.RunAsync("audit"));

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(terminal ? run.Output : run.Error, Does.Contain("5 messages compared").And.Contain("0 differed"));
    }

    [Test]
    public async Task Audit_WithoutTriggers_FailsAndSaysSo()
    {
        _server.Service.Audit = new AuditNowResponse { Messages = 5, TriggersWarning = "changes go unrecorded: x" };
        var run = await _server.RunAsync("audit");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain("tweetcounts: changes go unrecorded: x"));
    }

    [Test]
    public async Task Audit_FeedDown_IsOneLine()
    {
        _server.Service.Failure = new RpcException(new Status(StatusCode.Unavailable, "stale: no database"));
        var run = await _server.RunAsync("audit");

        Assert.That((run.ExitCode, run.Error), Is.EqualTo((1, "tweetcounts: stale: no database")));
    }
}
