using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;
using CountsMessage = TweetCounts.V1.Counts;

namespace CacheService.IntegrationTests.Tool;

public sealed class TopAndStatusTests
{
    private FakeServer _server = null!;

    [SetUp]
    public async Task StartServer()
    {
        _server = await FakeServer.StartAsync();
        _server.Service.Top = new ListTopCountsResponse
        {
            Counts = { new CountsMessage { MessageId = 3, Retweets = 4, Likes = 5, Revision = 6 }, new CountsMessage { MessageId = 1, Likes = 2 } },
            Freshness = new Freshness { Epoch = "e1", Revision = 42, State = FeedState.Stale },
        };
        _server.Service.Messages[3] = new GetMessageResponse { MessageId = 3, Author = "Anna [b]", Text = "Two\nlines \u001b[2J" };
        _server.Service.Status = new GetStatusResponse
        {
            State = FeedState.Syncing,
            Detail = "waiting for transaction 7",
            Messages = 1234,
            ServerVersion = "15.6",
            Uptime = Duration.FromTimeSpan(TimeSpan.FromMinutes(61)),
        };
    }

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [TestCase("total", TopOrder.Total)]
    [TestCase("retweets", TopOrder.Retweets)]
    [TestCase("likes", TopOrder.Likes)]
    public async Task Top_By_IsSentAndLinesAreTabSeparated(string by, TopOrder order)
    {
        var run = await _server.RunAsync("top", "--by", by, "--limit", "2");

        Assert.That(run.Output.ReplaceLineEndings("\n"), Is.EqualTo("3\t4\t5\t6\n1\t0\t2\t0\n"));
        Assert.That(_server.Service.TopRequest, Is.EqualTo(new ListTopCountsRequest { OrderBy = order, Limit = 2 }));
    }

    [Test]
    public async Task Top_Terminal_ShowsAuthorAndTextAsOneHarmlessLine()
    {
        var run = await _server.RunAtTerminalAsync("top");

        Assert.That(run.ExitCode, Is.Zero, "that message 1 was deleted since is no failure");
        Assert.That(run.Output, Does.Contain("Anna [b]").And.Contain("Two lines [2J").And.Contain("revision 42, age unknown, STALE"));
    }

    [Test]
    public async Task Top_UnknownOrder_IsBadUsage() => Assert.That((await _server.RunAsync("top", "--by", "fame")).ExitCode, Is.EqualTo(2));

    [Test]
    public async Task Status_NotATerminal_PrintsNamesAndValues()
    {
        var run = await _server.RunAsync("status");

        Assert.That(run.OutputLines, Does.Contain("state\tSYNCING").And.Contain("because\twaiting for transaction 7").And.Contain("uptime\t1 h 1 min"));
    }

    [Test]
    public async Task Status_Terminal_PrintsAList()
    {
        var run = await _server.RunAtTerminalAsync("status");

        Assert.That(run.Output, Does.Contain("SYNCING").And.Contain("1,234").And.Contain("15.6"));
    }

    [Test]
    public async Task Status_Json_PrintsNumbers()
    {
        var json = JsonNode.Parse((await _server.RunAsync("status", "--json")).Output)!;

        Assert.That(json["messages"]!.GetValue<long>(), Is.EqualTo(1234));
        Assert.That(json["uptimeSeconds"]!.GetValue<double>(), Is.EqualTo(3660));
    }
}
