using CacheService.Api.Grpc.Serialization;
using CacheService.Api.Messages;
using CacheService.Api.Watches;
using Grpc.Core;

namespace CacheService.Api.Grpc;

/// <summary>The client of a call of <c>WatchCounts</c>.</summary>
internal sealed class WatchCall(IServerStreamWriter<WatchReply> replies, ServerCallContext context) : IWatchClient
{
    /// <summary>Sends replies, each as a <c>WatchCountsResponse</c>.</summary>
    public static Marshaller<WatchReply> Marshaller { get; } = Marshallers.Create<WatchReply>(
        EncodedWatch.Send, static _ => throw new NotSupportedException("Replies are only sent."));

    public CancellationToken Gone => context.CancellationToken;

    public Task WriteAsync(WatchReply reply) => replies.WriteAsync(reply);

    public void Abort() => context.GetHttpContext().Abort();
}
