using BenchmarkDotNet.Attributes;
using CacheService.Api;
using CacheService.Api.Grpc;
using CacheService.Api.Grpc.Serialization;
using CacheService.Api.Messages;
using CacheService.Counts;
using CacheService.Reading;
using CacheService.Security;
using CacheService.Watching;
using Google.Protobuf;
using Grpc.Core;
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
    private byte[] _read = [];
    private byte[] _read64 = [];
    private byte[] _batchGet = [];
    private WebApplication _app = null!;
    private TweetCountsGrpcService _service = null!;
    private ReadStream _stream = null!;

    [GlobalSetup]
    public void SetUp()
    {
        _app = ServiceApp.Build(["--ConnectionStrings:Postgres=Host=127.0.0.1"]);
        _service = _app.Services.GetRequiredService<TweetCountsGrpcService>();
        var random = new Random(1);
        _app.Services.GetRequiredService<CountsStore>().Load(
            Enumerable.Range(1, Messages).Select(id => new CountedMessage(id, new MessageCounts(random.Next(10_000), random.Next(10_000), 0))), PgSnapshot.Parse("1:1:"), 0);
        _get = new GetCountsRequest { MessageId = Messages / 2 }.ToByteArray();
        _read = new ReadCountsRequest { Reads = { new CountsRead { Id = 1, MessageId = Messages / 2 } } }.ToByteArray();
        _read64 = new ReadCountsRequest { Reads = { Enumerable.Range(1, 64).Select(id => new CountsRead { Id = (ulong)id, MessageId = random.NextInt64(1, Messages + 1) }) } }.ToByteArray();
        _stream = new ReadStream(
            Get<CountsReader>(), Get<DatabaseReader>(), Get<Replies>(), Get<EncodedReplies>(), Get<CallErrors>(), Get<CallRate>(), new SubscriptionOptions(), Get<TimeProvider>(), new Writer(_answer), null!, CancellationToken.None);
        _batchGet = new BatchGetCountsRequest { MessageIds = { Enumerable.Range(0, BatchSize).Select(_ => random.NextInt64(1, Messages + 1)) } }.ToByteArray();
    }

    [GlobalCleanup]
    public Task CleanUpAsync() => _app.DisposeAsync().AsTask();

    [Benchmark]
    [AllocationBudget(420)]
    public Task<int> GetCounts() => SendAsync(_service.GetCounts(GetCountsRequest.Parser.ParseFrom(_get), null!));

    [Benchmark]
    [AllocationBudget(560)]
    public Task StreamOneRead() => _stream.TakeAsync(ReadCountsRequest.Parser.ParseFrom(_read)).AsTask();

    [Benchmark]
    [AllocationBudget(5_400)]
    public Task Stream64Reads() => _stream.TakeAsync(ReadCountsRequest.Parser.ParseFrom(_read64)).AsTask();

    [Benchmark]
    [AllocationBudget(27_000)]
    public Task<int> BatchGetCountsOf1000() => SendAsync(_service.BatchGetCounts(BatchGetCountsRequest.Parser.ParseFrom(_batchGet), null!));

    private T Get<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    private async Task<int> SendAsync(Task<EncodedReply> answering)
    {
        EncodedReply.Marshaller.ContextualSerializer(await answering, _answer);
        return _answer.Length;
    }

    /// <summary>The client of a stream, which takes what it gets.</summary>
    private sealed class Writer(Answer answer) : IServerStreamWriter<EncodedReply>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(EncodedReply message)
        {
            EncodedReply.Marshaller.ContextualSerializer(message, answer);
            return Task.CompletedTask;
        }
    }
}
