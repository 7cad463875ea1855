namespace CacheService.Feed;

/// <summary>Knows some of the caches of the database.</summary>
internal interface ICacheLister
{
    /// <summary>Those that it knows, by name.</summary>
    Task<IReadOnlyList<CacheEntry>> ListAsync(CancellationToken cancellationToken);
}

/// <summary>A cache of the database.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsLoaded">Whether it has counts.</param>
/// <param name="Heard">How long ago it was heard of: by the database, or by the publisher that it follows.</param>
internal sealed record CacheEntry(string Name, bool IsLoaded, TimeSpan Heard)
{
    /// <summary>Whether it is the one that answers.</summary>
    public bool IsSelf { get; init; }

    /// <summary>Whether it publishes the counts for others to follow.</summary>
    public bool Publishes { get; init; }

    /// <summary>Whether it follows the publisher, and not the database.</summary>
    public bool Follows { get; init; }

    /// <summary>How old its counts were when it was heard of; null: not known.</summary>
    public TimeSpan? Age { get; init; }
}
