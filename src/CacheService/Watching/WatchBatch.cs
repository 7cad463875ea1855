using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>What a subscriber is told at one time, or a part of it where that is much.</summary>
/// <param name="Version">
/// What the subscriber now knows: the state, as of this version, of every message that it watches. Null for all parts but the last, and for those of the
/// initial state.
/// </param>
/// <param name="Counts">The current counts of messages that changed or came.</param>
/// <param name="Removed">Messages that went.</param>
/// <param name="Coalesced">How many changes were passed over, because a later one replaced them.</param>
/// <param name="IsReset">The subscriber must forget what it holds.</param>
/// <param name="IsSynced">The initial state ends here.</param>
internal sealed record WatchBatch(
    CountsVersion? Version, IReadOnlyList<CountedMessage> Counts, IReadOnlyList<long> Removed, long Coalesced = 0, bool IsReset = false, bool IsSynced = false)
{
    /// <summary>The most counts and removals in one part: some 2 MB on the wire, of the 4 MB that gRPC clients accept.</summary>
    public const int MaxEntries = 40_000;

    /// <summary>Whether it tells nothing but the version.</summary>
    public bool IsEmpty => Counts.Count == 0 && Removed.Count == 0 && !IsReset && !IsSynced;
}
