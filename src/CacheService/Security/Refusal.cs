using System.Globalization;
using CacheService.Metrics;
using Grpc.Core;

namespace CacheService.Security;

/// <summary>Ends a call before it reaches its method, with a gRPC status where it is a gRPC call.</summary>
internal static class Refusal
{
    /// <summary>Writes the response, which is all there is of it.</summary>
    public static void Write(HttpResponse response, StatusCode code, string message)
    {
        Instruments.CallErrors.Increment(code);
        if (response.HttpContext.Request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) != true)
        {
            response.StatusCode = code switch
            {
                StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
                StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
                _ => StatusCodes.Status429TooManyRequests,
            };
            return;
        }

        // gRPC's "Trailers-Only": the status stands in the headers, and no body follows. Clients take an HTTP error as well, but lose the message.
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = ((int)code).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Uri.EscapeDataString(message);
    }
}
