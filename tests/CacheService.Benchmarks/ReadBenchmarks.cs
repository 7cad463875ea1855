using BenchmarkDotNet.Attributes;
using CacheService.Api.Grpc;
using CacheService.Api.Grpc.Serialization;
using CacheService.Counts;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;

namespace CacheService.Benchmarks;

/// <summary>What a read costs between the bytes of its request and those of its answer: all but the transport.</summary>
[InProcess]
[MemoryDiagnoser]
public class ReadBenchmarks
{
    private const int Messages = 10_000;
    private const int BatchSize = 1000;

    private readonly Answer _answer = new(100_000);
    private byte[] _get = [];
    private byte[] _batchGet = [];
    private WebApplication _app = null!;
    private TweetCountsGrpcService _service = null!;

    [GlobalSetup]
    public void SetUp()
    {
        _app = ServiceApp.Build(["--ConnectionStrings:Postgres=Host=127.0.0.1"]);
        _service = _app.Services.GetRequiredService<TweetCountsGrpcService>();
        var random = new Random(1);
        _app.Services.GetRequiredService<CountsStore>().Load(
            Enumerable.Range(1, Messages).Select(id => new CountedMessage(id, new MessageCounts(random.Next(10_000), random.Next(10_000), 0))), PgSnapshot.Parse("1:1:"), 0);
        _get = new GetCountsRequest { MessageId = Messages / 2 }.ToByteArray();
        _batchGet = new BatchGetCountsRequest { MessageIds = { Enumerable.Range(0, BatchSize).Select(_ => random.NextInt64(1, Messages + 1)) } }.ToByteArray();
    }

    [GlobalCleanup]
    public Task CleanUpAsync() => _app.DisposeAsync().AsTask();

    [Benchmark]
    [AllocationBudget(420)]
    public Task<int> GetCounts() => SendAsync(_service.GetCounts(GetCountsRequest.Parser.ParseFrom(_get), null!));

    [Benchmark]
    [AllocationBudget(27_000)]
    public Task<int> BatchGetCountsOf1000() => SendAsync(_service.BatchGetCounts(BatchGetCountsRequest.Parser.ParseFrom(_batchGet), null!));

    private async Task<int> SendAsync(Task<EncodedReply> answering)
    {
        EncodedReply.Marshaller.ContextualSerializer(await answering, _answer);
        return _answer.Length;
    }
}
