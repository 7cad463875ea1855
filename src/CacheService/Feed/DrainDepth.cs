namespace CacheService.Feed;

/// <summary>How much a drain looks at; each includes what comes before it.</summary>
internal enum DrainDepth
{
    /// <summary>The change log, and whether it is whole.</summary>
    Changes,

    /// <summary>The <see cref="Feed.Footprint"/> of what the changes stand on, without its readings: that makes the counts as young as the drain.</summary>
    Footprint,

    /// <summary>All of the footprint.</summary>
    Readings,

    /// <summary>All of the <see cref="Feed.Baseline"/>, after the changes.</summary>
    Baseline,
}
