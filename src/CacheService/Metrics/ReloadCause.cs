namespace CacheService.Metrics;

/// <summary>Why all counts are loaded afresh, in kinds.</summary>
internal enum ReloadCause
{
    /// <summary>The server has crashed, or another was promoted.</summary>
    Crash,

    /// <summary>The change log has another identity: somebody asked for a reload.</summary>
    Request,

    /// <summary>The registration does not hold: the lease has lapsed, or the database was put back to an earlier state.</summary>
    Registration,

    /// <summary>A table was truncated.</summary>
    Truncation,

    /// <summary>Partitions or children came and went.</summary>
    Partitions,

    /// <summary>Something else that the counts stand on is not what it was.</summary>
    Baseline,

    /// <summary>An audit found that messages came or went unnoticed.</summary>
    Audit,

    /// <summary>The change log does not fit the counts.</summary>
    Misfit,
}
