using Grpc.Core;

namespace CacheService.IntegrationTests.Compat;

/// <summary>What a server saw of a call.</summary>
internal sealed record ReceivedCall(DateTime Deadline, Metadata Headers, string? Encoding)
{
    public static ReceivedCall From(ServerCallContext context) => new(
        context.Deadline,
        context.RequestHeaders,
        context.GetHttpContext().Request.Headers["grpc-encoding"]);
}
