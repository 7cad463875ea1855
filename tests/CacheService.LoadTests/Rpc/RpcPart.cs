using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Rpc.Protocol;
using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.LoadTests.Rpc;

/// <summary>What GetCounts costs above the least that an RPC costs, and what etcd makes of the like.</summary>
internal sealed class RpcPart : ILoadPart
{
    public const string Scenario = $"h2load {H2Load.Load}";
    public const string GetCounts = "GetCounts";
    public const string EmptyCall = "an empty RPC on the same server";
    public const string Etcd = "etcd: serializable Range of one key";

    private const string GetCountsMethod = "/tweetcounts.v1.TweetCountsService/GetCounts";
    private const string EmptyMethod = "/loadtest.Empty/Call";
    private const string EtcdMethod = "/etcdserverpb.KV/Range";
    private const int MessageId = 1;

    public string Name => PartNames.Rpc;

    public string Title => "The cost of a call";

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        if (context.Programs.H2Load is not { } program)
        {
            result.NotRun.Add("h2load is missing (Debian, Ubuntu: apt-get install nghttp2-client; Fedora: dnf install nghttp2; macOS: brew install nghttp2): "
                + "GetCounts was not compared with an empty RPC and with etcd");
            return;
        }

        result.Notes.Add("The service runs with one more RPC, which does nothing: both go through the same server and its interceptors. "
            + "h2load, a client in C, sends the same call over 8 connections with 32 calls in flight on each. CPU: 1.00 is one processor all the time.");
        context.Progress.Show("filling the tables");
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_rpc", template: null, cancellationToken);
        await database.FillAsync(context.Options.Messages, rows: 10, cancellationToken);
        await using var service = await MeasuredService.StartWithEmptyRpcAsync(database, cancellationToken);
        await using var etcd = context.Programs.Etcd is { } etcdProgram
            ? await EtcdProcess.StartAsync(etcdProgram, Path.Combine(context.Folder.Path, "etcd"), cancellationToken)
            : null;

        var answerLength = await CallOnceAsync(service.Address, cancellationToken);
        var h2load = new H2Load(program, context.Folder);
        var server = service.Processes with { Name = "server" };
        List<Candidate> candidates =
        [
            h2load.Candidate(EmptyCall, service.Address, EmptyMethod, new EmptyRequest(), answerLength: 0, server),
            h2load.Candidate(GetCounts, service.Address, GetCountsMethod, new GetCountsRequest { MessageId = MessageId }, answerLength, server),
        ];
        if (etcd is not null)
        {
            candidates.Add(h2load.Candidate(Etcd, etcd.Address, EtcdMethod, EtcdProcess.Read, answerLength: 0, etcd.Processes));
        }
        else
        {
            result.NotRun.Add("etcd is missing (Debian, Ubuntu: apt-get install etcd-server; macOS: brew install etcd): GetCounts was not compared with it");
        }

        var round = context.Options.Round * 2;
        // The server compiles its code while it is called, and again where it finds it hot.
        result.Scenarios.Add(await new Turns(round * 2, round, context.Options.Rounds).RunAsync(
            Scenario, "calls/s", EmptyCall, candidates, context.Progress, cancellationToken));

        context.Progress.Show("comparing the cache with the view");
        await context.Comparison.CompareAsync("after the calls", database, service.Client, result, cancellationToken);
    }

    /// <summary>Calls as h2load will, which does not look into what it gets; returns how long the answer to GetCounts is.</summary>
    private static async Task<int> CallOnceAsync(Uri address, CancellationToken cancellationToken)
    {
        using var channel = GrpcChannel.ForAddress(address);
        await new Empty.EmptyClient(channel).CallAsync(new EmptyRequest(), cancellationToken: cancellationToken);
        var answer = await new TweetCountsService.TweetCountsServiceClient(channel).GetCountsAsync(new GetCountsRequest { MessageId = MessageId }, cancellationToken: cancellationToken);
        if (answer.Counts.MessageId != MessageId)
        {
            throw new LoadTestException($"GetCounts answers with message {answer.Counts.MessageId} instead of {MessageId}");
        }

        return answer.CalculateSize();
    }
}
