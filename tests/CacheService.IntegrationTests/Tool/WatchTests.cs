using System.Text.Json.Nodes;
using CacheService.IntegrationTests.Client;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Tool;

[Parallelizable(ParallelScope.Self)]
public sealed class WatchTests
{
    private ScriptedServer _server = null!;

    [SetUp]
    public async Task StartServer()
    {
        _server = await ScriptedServer.StartAsync();
        _server.Service.Message = new GetMessageResponse { MessageId = 1, Author = "Puck [b]", Text = "Lord,\nwhat fools \u001b[2J" };
    }

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [Test]
    public async Task Watch_NotATerminal_PrintsTabSeparatedLinesUntilStopped()
    {
        await using var tool = RunningTool.Start("watch", "1", "2", "--min-interval", "250ms", "--address", $"{_server.Address}");
        var watch = await _server.Service.NextWatchAsync();
        watch.Send(Sent.Everything("a", 5, (1, 10), (2, 20))).Send(Sent.Progress("a", 6).With((1, 11)).Without(2));
        await tool.UntilPrintedAsync("removed");

        Assert.That(await tool.StopAsync(), Is.Zero);
        Assert.That(tool.Output.ReplaceLineEndings("\n"), Is.EqualTo("1\t1\t10\t5\n2\t2\t20\t5\n1\t1\t11\t6\n2\tremoved\n"));
        Assert.That(tool.Error.ReplaceLineEndings("\n"), Is.EqualTo("all counts follow\nrevision 5, age 7 ms, LIVE\n"));
        Assert.That((watch.Request.MessageIds, watch.Request.MinInterval.ToTimeSpan().TotalMilliseconds), Is.EqualTo((new long[] { 1, 2 }, 250)));
    }

    [TestCase("watch")]
    [TestCase("watch", "--all")]
    public async Task Watch_NoIds_IsOfAll(params string[] args)
    {
        await using var tool = RunningTool.Start([.. args, "--address", $"{_server.Address}"]);

        Assert.That((await _server.Service.NextWatchAsync()).Request.All);
    }

    [Test]
    public async Task Watch_Json_PrintsALineForEachUpdate()
    {
        await using var tool = RunningTool.Start("watch", "1", "--json", "--address", $"{_server.Address}");
        (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5, (1, 10))).Send(Sent.Progress("a", 5)).End(StatusCode.Unavailable, "stopping");
        await tool.UntilPrintedAsync("stopping");
        await tool.StopAsync();

        var lines = tool.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.That(lines.Select(line => (string?)line["kind"]), Is.EqualTo(["connected", "reset", "changes", "synced", "heartbeat", "disconnected"]));
        Assert.That((long?)lines[2]["counts"]![0]!["likes"], Is.EqualTo(10));
        Assert.That((string?)lines[3]["freshness"]!["epoch"], Is.EqualTo("a"));
        Assert.That((string?)lines[5]["status"], Is.EqualTo("Unavailable"));
    }

    [Test]
    public async Task Watch_CutOff_SaysSoOnceAndGoesOn()
    {
        await using var tool = RunningTool.Start("watch", "1", "--address", $"{_server.Address}");
        (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5, (1, 10))).End(StatusCode.Unavailable, "stopping");
        (await _server.Service.NextWatchAsync()).End(StatusCode.Unavailable, "stopping");
        (await _server.Service.NextWatchAsync()).Send(Sent.Progress("a", 6).With((1, 11)).AsSynced());
        await tool.UntilPrintedAsync("1\t1\t11\t6");
        await tool.UntilToldAsync("revision 6");

        Assert.That(
            tool.Error.ReplaceLineEndings("\n"),
            Is.EqualTo("all counts follow\nrevision 5, age 7 ms, LIVE\ntweetcounts: not connected: stopping; trying again\nrevision 6, age 7 ms, LIVE\n"));
    }

    [Test]
    public async Task Watch_ServiceRefuses_PrintsItsWordsInOneLine()
    {
        await using var tool = RunningTool.Start("watch", "1", "--address", $"{_server.Address}");
        (await _server.Service.NextWatchAsync()).End(StatusCode.InvalidArgument, "message_ids has 10001 ids");

        Assert.That(await tool.WaitAsync(), Is.EqualTo(1));
        Assert.That(tool.Error.Trim(), Is.EqualTo("tweetcounts: message_ids has 10001 ids"));
    }

    [Test]
    public async Task Watch_Terminal_ShowsMessagesHarmlesslyAndTheState()
    {
        await using var tool = RunningTool.StartAtTerminal("watch", "1", "7", "--address", $"{_server.Address}");
        await tool.UntilPrintedAsync("STARTING (connecting)");
        var watch = (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5, (1, 1234)));
        await tool.UntilPrintedAsync("1,234");
        await tool.UntilPrintedAsync("Puck [b]");
        await tool.UntilPrintedAsync("there is no such message");
        await tool.UntilPrintedAsync("1 of 1 messages, revision 5");
        Assert.That(tool.Output, Does.Contain("Lord, what fools [2J").And.Not.Contain("\u001b[2J"));

        watch.End(StatusCode.Unavailable, "stopping");
        await tool.UntilPrintedAsync("STALE (not connected: stopping)");
        Assert.That(await tool.StopAsync(), Is.Zero);
    }

    [Test]
    public async Task Watch_TerminalAndServiceRefuses_EndsInOneLine()
    {
        await using var tool = RunningTool.StartAtTerminal("watch", "1", "--address", $"{_server.Address}");
        (await _server.Service.NextWatchAsync()).End(StatusCode.PermissionDenied, "not yours");

        Assert.That(await tool.WaitAsync(), Is.EqualTo(1));
        Assert.That(tool.Error.Trim(), Is.EqualTo("tweetcounts: PermissionDenied: not yours"));
    }

    [Test]
    public async Task TopWatch_NotATerminal_PrintsRanksThatChange()
    {
        await using var tool = RunningTool.Start("top", "--watch", "--limit", "2", "--by", "likes", "--address", $"{_server.Address}");
        var watch = (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5, (1, 10), (2, 20), (3, 30)));
        await tool.UntilPrintedAsync("2\t2\t2\t20\t5");
        watch.Send(Sent.Progress("a", 6).With((1, 25)));
        await tool.UntilPrintedAsync("\t6");

        Assert.That(await tool.StopAsync(), Is.Zero);
        Assert.That(tool.Output.ReplaceLineEndings("\n"), Is.EqualTo("1\t3\t3\t30\t5\n2\t2\t2\t20\t5\n2\t1\t1\t25\t6\n"));
    }

    [Test]
    public async Task TopWatch_Terminal_ShowsTheRanking()
    {
        await using var tool = RunningTool.StartAtTerminal("top", "--watch", "--address", $"{_server.Address}");
        (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5, (1, 10), (2, 2000)));
        await tool.UntilPrintedAsync("2,002");

        Assert.That(await tool.StopAsync(), Is.Zero);
    }

    [TestCase("watch", "0")]
    [TestCase("watch", "1", "--all")]
    [TestCase("watch", "--min-interval", "soon")]
    public async Task Watch_BadUsage_IsOneLineAndExitCodeTwo(params string[] args)
    {
        var run = await ToolRun.RunAsync(args);

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.Error, Does.StartWith("tweetcounts: ").And.EndWith("; see tweetcounts watch --help").And.Not.Contain("\n"));
    }
}
