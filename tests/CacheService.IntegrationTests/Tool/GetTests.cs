using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using TweetCounts.V1;
using CountsMessage = TweetCounts.V1.Counts;

namespace CacheService.IntegrationTests.Tool;

public sealed class GetTests
{
    private FakeServer _server = null!;

    [SetUp]
    public async Task StartServer()
    {
        _server = await FakeServer.StartAsync();
        _server.Service.Batch = new BatchGetCountsResponse
        {
            Counts = { new CountsMessage { MessageId = 3, Retweets = 4, Likes = 5000, Revision = 6 }, new CountsMessage { MessageId = 1, Likes = -1 } },
            Freshness = new Freshness { Epoch = "e1", Revision = 42, Age = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(3)), State = FeedState.Live },
        };
    }

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [Test]
    public async Task Get_NotATerminal_PrintsTabSeparatedLines()
    {
        var run = await _server.RunAsync("get", "3", "1");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Output.ReplaceLineEndings("\n"), Is.EqualTo("3\t4\t5000\t6\n1\t0\t-1\t0\n"));
        Assert.That(run.Error, Is.EqualTo("revision 42, age 3 ms, LIVE"));
        Assert.That(_server.Service.BatchRequest, Is.EqualTo(new BatchGetCountsRequest { MessageIds = { 3, 1 } }));
    }

    [Test]
    public async Task Get_Terminal_PrintsATable()
    {
        var run = await _server.RunAtTerminalAsync("get", "3", "1");

        Assert.That(run.Output, Does.Contain("retweets").And.Contain("5,000").And.Contain("revision 42, age 3 ms, LIVE"));
        Assert.That(run.Error, Is.Empty);
    }

    [Test]
    public async Task Get_Json_PrintsNumbers()
    {
        _server.Service.Batch.MissingMessageIds.Add(9);

        var run = await _server.RunAsync("get", "3", "1", "9", "--json");

        var json = JsonNode.Parse(run.Output)!;
        Assert.That(run.ExitCode, Is.EqualTo(1), "one is missing");
        Assert.That(json["counts"]![0]!["messageId"]!.GetValue<long>(), Is.EqualTo(3));
        Assert.That(json["counts"]![1]!["likes"]!.GetValue<long>(), Is.EqualTo(-1));
        Assert.That(json["missing"]![0]!.GetValue<long>(), Is.EqualTo(9));
        Assert.That(json["freshness"]!["ageSeconds"]!.GetValue<double>(), Is.EqualTo(0.003));
        Assert.That(json["freshness"]!["state"]!.GetValue<string>(), Is.EqualTo("LIVE"));
        Assert.That(json["freshness"]!["source"]!.GetValue<string>(), Is.EqualTo("CACHE"));
    }

    [Test]
    public async Task Get_SomeMissing_NamesThemAndFails()
    {
        _server.Service.Batch.MissingMessageIds.Add([8, 9]);

        var run = await _server.RunAsync("get", "3", "8", "9");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.EndWith("tweetcounts: no such message: 8, 9"));
        Assert.That(run.OutputLines, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Get_Requirements_AreSent()
    {
        await _server.RunAsync("get", "1", "--strong");
        Assert.That(_server.Service.BatchRequest!.Read, Is.EqualTo(new ReadOptions { Strong = true }));

        await _server.RunAsync("get", "1", "--max-age", "250ms");
        Assert.That(_server.Service.BatchRequest!.Read, Is.EqualTo(new ReadOptions { MaxAge = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(250)) }));

        await _server.RunAsync("get", "1", "--at-least-xid", "18446744073709551615");
        Assert.That(_server.Service.BatchRequest!.Read, Is.EqualTo(new ReadOptions { AtLeastXid = ulong.MaxValue }));
    }

    [Test]
    public async Task Get_FromDatabase_AsksForThatAndSaysSo()
    {
        _server.Service.Batch.Freshness = new Freshness { Age = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(3)), State = FeedState.Stale, Source = ReadSource.Database };

        var run = await _server.RunAsync("get", "3", "--from-database");
        Assert.That(_server.Service.BatchRequest!.Read, Is.EqualTo(new ReadOptions { Strong = true, Source = ReadSource.Database }));
        Assert.That(run.Error, Is.EqualTo("from the database, age 3 ms; the cache is STALE"));
        Assert.That((await _server.RunAtTerminalAsync("get", "3", "--from-database")).Output, Does.Contain("from the database, age 3 ms; the cache is STALE"));

        await _server.RunAsync("get", "3", "--from-database", "--max-age", "1s");
        Assert.That(_server.Service.BatchRequest!.Read, Is.EqualTo(new ReadOptions { Strong = true, Source = ReadSource.Database }));

        var json = JsonNode.Parse((await _server.RunAsync("get", "3", "--from-database", "--at-least-xid", "77", "--json")).Output)!;
        Assert.That(_server.Service.BatchRequest!.Read, Is.EqualTo(new ReadOptions { AtLeastXid = 77, Source = ReadSource.Database }));
        Assert.That(json["freshness"]!["source"]!.GetValue<string>(), Is.EqualTo("DATABASE"));
    }

    [TestCase("get")]
    [TestCase("get", "x")]
    [TestCase("get", "0")]
    [TestCase("get", "1", "--strong", "--max-age", "1s")]
    [TestCase("get", "1", "--max-age", "soon")]
    [TestCase("get", "1", "--frobnicate")]
    public async Task Get_BadUsage_IsOneLineAndExitCodeTwo(params string[] args)
    {
        var run = await _server.RunAsync(args);

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.Error, Does.StartWith("tweetcounts: ").And.EndWith("; see tweetcounts get --help").And.Not.Contain("\n"));
        Assert.That(run.Output, Is.Empty);
    }

    [Test]
    public async Task Get_ServiceRefuses_PrintsItsWordsInOneLine()
    {
        _server.Service.Failure = new RpcException(new Status(StatusCode.Unavailable, "starting: waiting for\ntransaction 7"));

        var run = await _server.RunAsync("get", "1");

        Assert.That(run, Is.EqualTo(new ToolRun(1, "", "tweetcounts: starting: waiting for transaction 7")));
    }

    [Test]
    public async Task Get_NoService_SaysWhereItLooked()
    {
        var run = await ToolRun.RunAsync("get", "1", "--address", "http://127.0.0.1:1");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Match(
            "^tweetcounts: no service answers at http://127.0.0.1:1/: Connection refused.*; start it, or name its gRPC address with --address or TWEETCOUNTS_ADDRESS$"));
    }

    [Test]
    public async Task Get_HttpPortInsteadOfGrpc_SaysWhatToName()
    {
        await using var http = await FakeServer.StartAsync(HttpProtocols.Http1);

        var run = await http.RunAsync("get", "1");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain(http.Address).And.EndsWith("name its gRPC address with --address or TWEETCOUNTS_ADDRESS").And.Not.Contain("\n"));
    }

    [Test]
    public async Task Get_Stopped_EndsInOneLine()
    {
        var run = await ToolRun.RunAsync(interactive: false, new CancellationToken(canceled: true), "get", "1", "--address", _server.Address);

        Assert.That(run, Is.EqualTo(new ToolRun(130, "", "tweetcounts: interrupted")));
    }
}
