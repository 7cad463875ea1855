using Grpc.Core;

namespace CacheService.IntegrationTests.Hosting;

/// <summary>Takes the error out of a call that has to fail.</summary>
internal static class RpcError
{
    /// <summary>The error of <paramref name="call"/>; fails the test where the call succeeds.</summary>
    public static async Task<RpcException> OfAsync<TResponse>(AsyncUnaryCall<TResponse> call)
    {
        using (call)
            return (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync))!;
    }
}
