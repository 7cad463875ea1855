using System.Collections.Concurrent;
using Grpc.Core;
using TweetCounts.V1;
using CountsMessage = TweetCounts.V1.Counts;

namespace CacheService.IntegrationTests.Compat;

/// <summary>A service whose answers show what became of a call on its way.</summary>
internal sealed class ProbeService : TweetCountsService.TweetCountsServiceBase
{
    public const long Fails = 404;
    public const long Hangs = 504;
    public const long FailsOnce = 503;

    /// <summary>Set when a call that hangs has been cancelled.</summary>
    public TaskCompletionSource HangEnded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The calls that arrived.</summary>
    public ConcurrentQueue<ReceivedCall> Calls { get; } = [];

    public override async Task<GetCountsResponse> GetCounts(GetCountsRequest request, ServerCallContext context)
    {
        Calls.Enqueue(ReceivedCall.From(context));
        switch (request.MessageId)
        {
            case Fails:
                var trailers = new Metadata { { "reason", "gone" }, { "detail-bin", [1, 2, 255] } };
                throw new RpcException(new Status(StatusCode.NotFound, "no message 404"), trailers);
            case Hangs:
                await using (context.CancellationToken.Register(HangEnded.SetResult))
                    await HangEnded.Task;
                break;
            case FailsOnce when Calls.Count == 1:
                throw new RpcException(new Status(StatusCode.Unavailable, "try again"));
        }

        await context.WriteResponseHeadersAsync(new Metadata { { "served-by", "probe" } });
        context.ResponseTrailers.Add("cost", "1");
        return new GetCountsResponse { Counts = new CountsMessage { MessageId = request.MessageId, Likes = 7 } };
    }

    public override Task<BatchGetCountsResponse> BatchGetCounts(BatchGetCountsRequest request, ServerCallContext context)
    {
        Calls.Enqueue(ReceivedCall.From(context));
        var response = new BatchGetCountsResponse();
        response.Counts.AddRange(request.MessageIds.Select(id => new CountsMessage { MessageId = id }));
        return Task.FromResult(response);
    }

    public override async Task WatchCounts(
        WatchCountsRequest request, IServerStreamWriter<WatchCountsResponse> responseStream, ServerCallContext context)
    {
        foreach (var id in request.MessageIds)
        {
            var response = new WatchCountsResponse { Counts = { new CountsMessage { MessageId = id } } };
            await responseStream.WriteAsync(response, context.CancellationToken);
        }
    }
}
