using CacheService.Api.Watches;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Grpc;

/// <summary>The client of a call of <c>WatchCounts</c>.</summary>
internal sealed class WatchCall(IServerStreamWriter<WatchCountsResponse> responses, ServerCallContext context) : IWatchClient
{
    public CancellationToken Gone => context.CancellationToken;

    public Task WriteAsync(WatchCountsResponse response, CancellationToken cancellationToken) => responses.WriteAsync(response, cancellationToken);

    public void Abort() => context.GetHttpContext().Abort();
}
