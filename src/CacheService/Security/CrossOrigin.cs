using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Net.Http.Headers;

namespace CacheService.Security;

/// <summary>What scripts of web pages of other servers may send and see: what the API has, and no cookies, because nobody needs any.</summary>
internal static class CrossOrigin
{
    private static readonly TimeSpan PreflightAge = TimeSpan.FromHours(1);

    public static void Allow(CorsPolicyBuilder policy, IReadOnlyList<string> origins) => policy
        .WithOrigins([.. origins])
        .WithMethods(HttpMethods.Get, HttpMethods.Post)
        .WithHeaders(HeaderNames.Authorization, HeaderNames.ContentType, HeaderNames.IfNoneMatch, "last-event-id", "grpc-timeout", HeaderNames.XRequestedWith, "x-grpc-web", "x-user-agent")
        .WithExposedHeaders(HeaderNames.ETag, HeaderNames.RetryAfter, "grpc-status", "grpc-message", "grpc-encoding", "grpc-accept-encoding")
        .SetPreflightMaxAge(PreflightAge);
}
