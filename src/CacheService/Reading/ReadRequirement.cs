using CacheService.Metrics;

namespace CacheService.Reading;

/// <summary>What a read asks for beyond "the cache as it is".</summary>
internal abstract record ReadRequirement
{
    private ReadRequirement(ReadKind kind) => Kind = kind;

    /// <summary>Which of these it is.</summary>
    public ReadKind Kind { get; }

    /// <summary>Includes everything committed longer ago than this when the read arrived.</summary>
    public sealed record MaxAge(TimeSpan Age) : ReadRequirement(ReadKind.MaxAge);

    /// <summary>Includes that transaction.</summary>
    public sealed record AtLeastXid(ulong Xid) : ReadRequirement(ReadKind.AtLeastXid);

    /// <summary>Includes everything committed before the read arrived.</summary>
    public sealed record Strong() : ReadRequirement(ReadKind.Strong);
}
