using CacheService.Feed;

namespace CacheService.Http;

/// <summary>Health over plain HTTP, for load balancers that speak no gRPC.</summary>
internal static class HealthEndpoints
{
    /// <summary>Maps <c>GET /health</c>, for everybody: 200 while LIVE, else 503, and the state in words either way.</summary>
    public static void MapHealth(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/health", (FeedStatus status) =>
        {
            var condition = status.Condition;
            return condition.State == FeedState.Live
                ? Results.Text("live\n")
                : Results.Text($"{condition.Detail}\n", statusCode: StatusCodes.Status503ServiceUnavailable);
        }).AllowAnonymous().DisableRateLimiting();
}
