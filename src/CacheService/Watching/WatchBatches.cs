using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>Splits what there is to tell into parts that fit a message.</summary>
internal static class WatchBatches
{
    /// <summary>Parts, the last of which has the version. What was removed is enumerated after what changed.</summary>
    public static IEnumerable<WatchBatch> Split(
        CountsVersion version, IEnumerable<CountedMessage> changed, IEnumerable<long> removed, long coalesced, bool isReset, bool endsInitialState)
    {
        var counts = new List<CountedMessage>();
        foreach (var message in changed)
        {
            if (counts.Count == WatchBatch.MaxEntries)
            {
                yield return new WatchBatch(null, counts, [], IsReset: isReset);
                isReset = false;
                counts = [];
            }

            counts.Add(message);
        }

        var rest = new ArraySegment<long>([.. removed]);
        while (counts.Count + rest.Count > WatchBatch.MaxEntries)
        {
            var fitting = WatchBatch.MaxEntries - counts.Count;
            yield return new WatchBatch(null, counts, rest[..fitting], IsReset: isReset);
            (isReset, counts, rest) = (false, [], rest[fitting..]);
        }

        yield return new WatchBatch(version, counts, rest, coalesced, isReset, endsInitialState);
    }
}
