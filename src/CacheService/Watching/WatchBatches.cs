using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>Splits what there is to tell into parts that fit a message.</summary>
internal static class WatchBatches
{
    /// <summary>Parts, the last of which has the version, if there is one.</summary>
    public static IEnumerable<WatchBatch> Split(
        CountsVersion? version, IReadOnlyList<CountedMessage> changed, IReadOnlyList<long> removed, long coalesced, bool isReset, bool endsInitialState)
    {
        if (changed.Count + removed.Count <= WatchBatch.MaxEntries)
        {
            yield return new WatchBatch(version, changed, removed, coalesced, isReset, endsInitialState);
            yield break;
        }

        var (counts, rest) = (new ArraySegment<CountedMessage>([.. changed]), new ArraySegment<long>([.. removed]));
        while (counts.Count + rest.Count > WatchBatch.MaxEntries)
        {
            var fitting = Math.Min(counts.Count, WatchBatch.MaxEntries);
            var fittingRest = WatchBatch.MaxEntries - fitting;
            yield return new WatchBatch(null, counts[..fitting], rest[..fittingRest], IsReset: isReset);
            (isReset, counts, rest) = (false, counts[fitting..], rest[fittingRest..]);
        }

        yield return new WatchBatch(version, counts, rest, coalesced, isReset, endsInitialState);
    }
}
