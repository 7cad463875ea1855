using CacheService.LoadTests.Rpc.Protocol;
using Grpc.Core;

namespace CacheService.LoadTests.Rpc;

/// <summary>An RPC that does nothing.</summary>
internal sealed class EmptyRpc : Empty.EmptyBase
{
    private static readonly Task<EmptyResponse> Nothing = Task.FromResult(new EmptyResponse());

    public override Task<EmptyResponse> Call(EmptyRequest request, ServerCallContext context) => Nothing;
}
