using CacheService.Metrics;

namespace CacheService.Feed;

/// <summary>Why all counts must be loaded afresh.</summary>
/// <param name="Why">In words.</param>
/// <param name="RegisterAfresh">Whether changes may have gone unrecorded, so that registering comes first.</param>
/// <param name="DistrustsRollup">Whether what was written back to the database may be as wrong as the counts are.</param>
internal sealed record ReloadReason(string Why, bool RegisterAfresh, bool DistrustsRollup = false)
{
    /// <summary>What kind of reason it is.</summary>
    public ReloadCause Cause { get; init; } = ReloadCause.Baseline;
}
