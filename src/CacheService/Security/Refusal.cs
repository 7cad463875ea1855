using System.Globalization;
using CacheService.Api.Problems;
using CacheService.Metrics;
using Grpc.Core;

namespace CacheService.Security;

/// <summary>Ends a call before it reaches its method: with a gRPC status where it is a gRPC call, else with a problem of HTTP.</summary>
internal static class Refusal
{
    /// <summary>Whether a call speaks gRPC.</summary>
    public static bool IsGrpc(HttpRequest request) => request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>Writes the response, which is all there is of it.</summary>
    public static Task WriteAsync(HttpContext context, StatusCode code, string message)
    {
        Instruments.CallErrors.Increment(code);
        if (!IsGrpc(context.Request))
        {
            return HttpProblem.WriteAsync(context, new Status(code, message));
        }

        // gRPC's "Trailers-Only": the status stands in the headers, and no body follows. Clients take an HTTP error as well, but lose the message.
        var response = context.Response;
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = ((int)code).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Uri.EscapeDataString(message);
        return Task.CompletedTask;
    }
}
