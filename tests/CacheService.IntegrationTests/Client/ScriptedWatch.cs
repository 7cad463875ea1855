using System.Threading.Channels;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Client;

/// <summary>One call of WatchCounts, answered by the test message by message.</summary>
internal sealed class ScriptedWatch(WatchCountsRequest request)
{
    private readonly Channel<WatchCountsResponse> _messages = Channel.CreateUnbounded<WatchCountsResponse>();

    /// <summary>What the client asked for.</summary>
    public WatchCountsRequest Request => request;

    /// <summary>Ends when the client has gone.</summary>
    public TaskCompletionSource Gone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ScriptedWatch Send(WatchCountsResponse message)
    {
        _messages.Writer.TryWrite(message);
        return this;
    }

    /// <summary>Ends the call, after what has been sent.</summary>
    public void End(StatusCode status = StatusCode.OK, string detail = "") =>
        _messages.Writer.TryComplete(status == StatusCode.OK ? null : new RpcException(new Status(status, detail)));

    public async Task AnswerAsync(IServerStreamWriter<WatchCountsResponse> stream, CancellationToken clientGone)
    {
        try
        {
            await foreach (var message in _messages.Reader.ReadAllAsync(clientGone))
            {
                await stream.WriteAsync(message, clientGone);
            }
        }
        finally
        {
            if (clientGone.IsCancellationRequested)
            {
                Gone.TrySetResult();
            }
        }
    }
}
