namespace CacheService.Jobs;

/// <summary>What becomes of slots at which nobody was there to run them.</summary>
internal enum Misfire
{
    /// <summary>The latest is run, late; those before it are skipped.</summary>
    Latest,

    /// <summary>All are run, one after the other, however late. Those too that come due while the job still runs.</summary>
    All,

    /// <summary>All are skipped but one that is not older than a minute.</summary>
    Skip,
}
