namespace CacheService.Security;

/// <summary>Marks an endpoint that serves a gRPC method over HTTP, and so asks for the same right.</summary>
/// <param name="FullName">Such as <c>/tweetcounts.v1.TweetCountsService/GetCounts</c>.</param>
internal sealed record ServesMethod(string FullName);
