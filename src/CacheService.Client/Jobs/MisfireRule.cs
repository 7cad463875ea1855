namespace CacheService.Client.Jobs;

/// <summary>What becomes of slots at which no server was there to run them.</summary>
public enum MisfireRule
{
    /// <summary>A rule that this library does not know.</summary>
    Unknown,

    /// <summary>The latest is run, late; those before it are skipped.</summary>
    Latest,

    /// <summary>All are run, one after the other, however late.</summary>
    All,

    /// <summary>All are skipped but one that is not older than a minute.</summary>
    Skip,
}
