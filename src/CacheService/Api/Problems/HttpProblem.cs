using System.Text.Json;
using Grpc.Core;

namespace CacheService.Api.Problems;

/// <summary>
/// Errors over HTTP: <c>application/problem+json</c> (RFC 9457) with the words that a gRPC caller gets, and its status by name in <c>code</c>.
/// </summary>
internal static class HttpProblem
{
    /// <summary>Answers with an error, unless an answer has begun or nobody waits for one.</summary>
    /// <param name="context">The request.</param>
    /// <param name="status">What a gRPC caller would be told.</param>
    /// <param name="httpCode">The code of HTTP; null: the one that goes with the status.</param>
    public static Task WriteAsync(HttpContext context, Status status, int? httpCode = null)
    {
        if (context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        context.Response.Headers.CacheControl = "no-store";
        return TypedResults
            .Problem(status.Detail, statusCode: httpCode ?? HttpCodeOf(status.StatusCode), extensions: new Dictionary<string, object?> { ["code"] = NameOf(status.StatusCode) })
            .ExecuteAsync(context);
    }

    /// <summary>
    /// The usual mapping, as <c>google/rpc/code.proto</c> has it, but for FAILED_PRECONDITION, which is 409 here: nothing is wrong with the request, and it may
    /// succeed later.
    /// </summary>
    public static int HttpCodeOf(StatusCode code) => code switch
    {
        StatusCode.Cancelled => StatusCodes.Status499ClientClosedRequest,
        StatusCode.InvalidArgument or StatusCode.OutOfRange => StatusCodes.Status400BadRequest,
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.FailedPrecondition or StatusCode.Aborted or StatusCode.AlreadyExists => StatusCodes.Status409Conflict,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unimplemented => StatusCodes.Status501NotImplemented,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        StatusCode.DeadlineExceeded => StatusCodes.Status504GatewayTimeout,
        _ => StatusCodes.Status500InternalServerError,
    };

    /// <summary>A status as gRPC spells it, such as INVALID_ARGUMENT.</summary>
    public static string NameOf(StatusCode code) => JsonNamingPolicy.SnakeCaseUpper.ConvertName(code.ToString());
}
