using System.Threading.Channels;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Client;

/// <summary>A service whose watches the test answers, and whose reads answer with what the test has set.</summary>
internal sealed class ScriptedCountsService : TweetCountsService.TweetCountsServiceBase
{
    private readonly Channel<ScriptedWatch> _watches = Channel.CreateUnbounded<ScriptedWatch>();
    private readonly Channel<ScriptedReads> _streams = Channel.CreateUnbounded<ScriptedReads>();
    private int _reads;
    private int _refusedStreams;

    public int Reads => Volatile.Read(ref _reads);

    /// <summary>How often it was asked for a stream of reads that it does not know.</summary>
    public int RefusedStreams => Volatile.Read(ref _refusedStreams);

    public GetCountsRequest? CountsRequest { get; private set; }

    /// <summary>What the next reads fail with, in turn; then they answer.</summary>
    public Queue<RpcException> Failures { get; } = new();

    public GetCountsResponse Counts { get; set; } = new() { Counts = new TweetCounts.V1.Counts { MessageId = 1 } };

    public BatchGetCountsResponse Batch { get; set; } = new();

    public ListTopCountsResponse Top { get; set; } = new();

    public GetMessageResponse Message { get; set; } = new();

    public GetStatusResponse Status { get; set; } = new();

    /// <summary>Whether it knows ReadCounts. Unless set it is a server of before.</summary>
    public bool TakesStreams { get; set; }

    /// <summary>The next call of ReadCounts, as soon as there is one.</summary>
    public async Task<ScriptedReads> NextStreamAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await _streams.Reader.ReadAsync(patience.Token);
    }

    /// <summary>The next call of WatchCounts, as soon as there is one.</summary>
    public async Task<ScriptedWatch> NextWatchAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await _watches.Reader.ReadAsync(patience.Token);
    }

    public override Task<GetCountsResponse> GetCounts(GetCountsRequest request, ServerCallContext context)
    {
        if (request.MessageId == ScriptedReads.Opening)
        {
            return Task.FromResult(Counts);
        }

        CountsRequest = request;
        return Answer(Counts);
    }

    public override Task<BatchGetCountsResponse> BatchGetCounts(BatchGetCountsRequest request, ServerCallContext context) => Answer(Batch);

    public override Task<ListTopCountsResponse> ListTopCounts(ListTopCountsRequest request, ServerCallContext context) => Answer(Top);

    public override Task<GetMessageResponse> GetMessage(GetMessageRequest request, ServerCallContext context) => Answer(Message);

    public override Task<GetStatusResponse> GetStatus(GetStatusRequest request, ServerCallContext context) => Answer(Status);

    public override async Task ReadCounts(IAsyncStreamReader<ReadCountsRequest> requestStream, IServerStreamWriter<ReadCountsResponse> responseStream, ServerCallContext context)
    {
        if (!TakesStreams)
        {
            Interlocked.Increment(ref _refusedStreams);
            await base.ReadCounts(requestStream, responseStream, context);
        }

        await context.WriteResponseHeadersAsync([]);
        var stream = new ScriptedReads(requestStream, responseStream, context.CancellationToken);
        await _streams.Writer.WriteAsync(stream, context.CancellationToken);
        await stream.Ended;
    }

    public override async Task WatchCounts(WatchCountsRequest request, IServerStreamWriter<WatchCountsResponse> responseStream, ServerCallContext context)
    {
        var watch = new ScriptedWatch(request);
        await _watches.Writer.WriteAsync(watch, context.CancellationToken);
        await watch.AnswerAsync(responseStream, context.CancellationToken);
    }

    private Task<T> Answer<T>(T answer)
    {
        Interlocked.Increment(ref _reads);
        return Failures.TryDequeue(out var failure) ? throw failure : Task.FromResult(answer);
    }
}
