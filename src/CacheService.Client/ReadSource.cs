namespace CacheService.Client;

/// <summary>Where the counts of an answer come from.</summary>
public enum ReadSource
{
    /// <summary>The server's cache.</summary>
    Cache,

    /// <summary>The database's tables: the cache was gone round.</summary>
    Database,
}
