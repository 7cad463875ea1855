using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>What a subscriber is told at one time, or a part of it where that is much.</summary>
/// <param name="Version">
/// What the subscriber now knows: the state, as of this version, of every message that it watches. Null for all parts but the last, and for those of the
/// initial state.
/// </param>
/// <param name="Content">The counts and removals.</param>
/// <param name="Coalesced">How many changes were passed over, because a later one replaced them.</param>
/// <param name="IsReset">The subscriber must forget what it holds.</param>
/// <param name="IsSynced">The initial state ends here.</param>
internal sealed record WatchBatch(CountsVersion? Version, WatchContent Content, long Coalesced = 0, bool IsReset = false, bool IsSynced = false)
{
    /// <summary>Whether it tells nothing but the version.</summary>
    public bool IsEmpty => Content.Count == 0 && !IsReset && !IsSynced;

    /// <summary>Parts, the last of which has the version, if there is one.</summary>
    public static IEnumerable<WatchBatch> Of(IReadOnlyList<WatchContent> contents, CountsVersion? version, long coalesced, bool isReset, bool isSynced)
    {
        for (var i = 0; i < contents.Count; i++)
        {
            var isLast = i == contents.Count - 1;
            yield return new WatchBatch(isLast ? version : null, contents[i], isLast ? coalesced : 0, isReset && i == 0, isSynced && isLast);
        }
    }
}
