namespace CacheService.Reading;

/// <summary>What a read asks for beyond "the cache as it is".</summary>
internal abstract record ReadRequirement
{
    private ReadRequirement()
    {
    }

    /// <summary>Includes everything committed longer ago than this when the read arrived.</summary>
    public sealed record MaxAge(TimeSpan Age) : ReadRequirement;

    /// <summary>Includes that transaction.</summary>
    public sealed record AtLeastXid(ulong Xid) : ReadRequirement;

    /// <summary>Includes everything committed before the read arrived.</summary>
    public sealed record Strong : ReadRequirement;
}
