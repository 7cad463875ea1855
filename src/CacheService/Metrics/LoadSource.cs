namespace CacheService.Metrics;

/// <summary>What a load reads.</summary>
internal enum LoadSource
{
    /// <summary>All activity.</summary>
    Activity,

    /// <summary>The counts that were written back, and the changes since.</summary>
    Rollup,

    /// <summary>A checkpoint of the cache that is followed.</summary>
    Checkpoint,
}
