namespace CacheService.Api.Http;

/// <summary>What a caller may say in a request's path, query or headers.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Place">Where it stands.</param>
/// <param name="Description">What it does, with its unit and its range.</param>
/// <param name="Example">A value.</param>
internal sealed record HttpParameter(string Name, HttpParameterPlace Place, string Description, string Example)
{
    public static HttpParameter MessageId { get; } = new("id", HttpParameterPlace.Path, "The message's id, from 1.", "7");

    public static HttpParameter Ids { get; } = new("ids", HttpParameterPlace.Query, "The messages' ids, with commas between them; a URL has room for some 1,000.", "1,2,3");

    public static HttpParameter Timeout { get; } = new(
        "timeout", HttpParameterPlace.Query, "How long the caller waits at most, such as 2s or 0.5s; up to 1 hour. Reads wait no longer than Limits:MaxReadWait.", "2s");

    /// <summary>What a read may ask for.</summary>
    public static IReadOnlyList<HttpParameter> OfReads { get; } =
    [
        new("strong", HttpParameterPlace.Query, "true: the answer includes everything committed before the request arrived.", "true"),
        new("max_age", HttpParameterPlace.Query, "The answer includes everything committed longer ago than this, such as 1s or 0.25s.", "1s"),
        new("at_least_xid", HttpParameterPlace.Query, "The answer includes that transaction, as told by select pg_current_xact_id() within it.", "742"),
        new("source", HttpParameterPlace.Query, "database: go round the cache, for this one read; see READ_SOURCE_DATABASE. Else cache.", "database"),
        Timeout,
    ];

    public static HttpParameter IfNoneMatch { get; } = new(
        "If-None-Match", HttpParameterPlace.Header, "The ETag of an earlier answer: 304 without a body where its counts are still those of the cache, and the cache is LIVE.", "W/\"68e7a623-486\"");
}

/// <summary>Where a parameter stands.</summary>
internal enum HttpParameterPlace
{
    Path,
    Query,
    Header,
}
