namespace CacheService.Metrics;

/// <summary>What a read asks for beyond "the cache as it is".</summary>
internal enum ReadKind
{
    None,
    MaxAge,
    AtLeastXid,
    Strong,

    /// <summary>It goes round the cache.</summary>
    Database,
}
