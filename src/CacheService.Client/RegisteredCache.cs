namespace CacheService.Client;

/// <summary>A cache that is registered with the database, or follows the one that publishes its counts.</summary>
/// <param name="Name">Begins with its host and its process id.</param>
/// <param name="IsSelf">Whether it is the one that answered.</param>
/// <param name="IsLoaded">Whether it has loaded its counts.</param>
/// <param name="Heard">How long ago the database heard of it, or the publisher that it follows.</param>
public sealed record RegisteredCache(string Name, bool IsSelf, bool IsLoaded, TimeSpan Heard)
{
    /// <summary>Whether it publishes its counts, as far as the server that answered knows.</summary>
    public bool Publishes { get; init; }

    /// <summary>Whether it follows the one that publishes, and not the database.</summary>
    public bool Follows { get; init; }

    /// <summary>Of one that follows: how old its counts were when it was heard of; null: not known.</summary>
    public TimeSpan? Age { get; init; }
}
