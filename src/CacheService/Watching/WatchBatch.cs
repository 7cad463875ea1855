using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>What a subscriber is told at one time, or a part of it where that is much.</summary>
/// <param name="Version">
/// What the subscriber now knows: the state, as of this version, of every message that it watches. Null for all parts but the last, and for those of the
/// initial state.
/// </param>
/// <param name="Content">The counts and removals.</param>
/// <param name="AheadTo">A version that the content is not ahead of, where it may be ahead of <paramref name="Version"/>, or there is none. Else null.</param>
/// <param name="Coalesced">How many changes were passed over, because a later one replaced them.</param>
/// <param name="IsReset">The subscriber must forget what it holds.</param>
/// <param name="IsSynced">The initial state ends here.</param>
internal sealed record WatchBatch(CountsVersion? Version, WatchContent Content, CountsVersion? AheadTo = null, long Coalesced = 0, bool IsReset = false, bool IsSynced = false)
{
    /// <summary>Whether it tells nothing but the version.</summary>
    public bool IsEmpty => Content.Count == 0 && !IsReset && !IsSynced;

    /// <summary>Parts, the last of which has the version, if there is one. Of those without one the content is as of <paramref name="asOf"/> at most.</summary>
    public static WatchBatch[] Of(IReadOnlyList<WatchContent> contents, CountsVersion? version, CountsVersion asOf, long coalesced, bool isReset, bool isSynced)
    {
        // Mostly one, of each change and for each subscription: an array of it is less than what would make it one after the other.
        var parts = new WatchBatch[contents.Count];
        for (var i = 0; i < parts.Length; i++)
        {
            var isLast = i == parts.Length - 1;
            var told = isLast ? version : null;
            parts[i] = new WatchBatch(told, contents[i], told is null ? asOf : null, isLast ? coalesced : 0, isReset && i == 0, isSynced && isLast);
        }

        return parts;
    }
}
