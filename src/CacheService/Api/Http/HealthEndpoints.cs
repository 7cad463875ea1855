using CacheService.Feed;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace CacheService.Api.Http;

/// <summary>Health over plain HTTP, for load balancers and supervisors that speak no gRPC.</summary>
internal static class HealthEndpoints
{
    /// <summary>
    /// Maps <c>GET /health</c> and <c>GET /health/ready</c>: 200 while LIVE, else 503, and the state's name, with the reason where that is for everybody; or 503 and "stopping" from the signal to stop on.
    /// Anybody may ask: other reasons says GetStatus.
    /// And <c>GET /health/live</c>: 200 while the feed goes on from step to step, else 503: only a restart helps then. A database that is away is no reason for one.
    /// </summary>
    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        // For everybody: see Security.MethodRights.
        var health = endpoints.MapGroup("/health").AllowAnonymous().DisableRateLimiting();
        var ready = new HealthCheckOptions
        {
            ResponseWriter = static (context, report) => Results.Text($"{report.Entries.Values.Single().Description}\n").ExecuteAsync(context),
        };
        var get = new HttpMethodMetadata([HttpMethods.Get]);
        health.MapHealthChecks("", ready).WithMetadata(get);
        health.MapHealthChecks("/ready", ready).WithMetadata(get);
        health.MapGet("/live", (FeedStatus status) => status.IsCycling
            ? Results.Text("the feed cycles\n")
            : Results.Text("the feed hangs\n", statusCode: StatusCodes.Status503ServiceUnavailable));
    }
}
