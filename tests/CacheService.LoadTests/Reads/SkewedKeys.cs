namespace CacheService.LoadTests.Reads;

/// <summary>
/// Keys 1 to n after Zipf's law: the k-th most popular one comes up 1/k times as often as the first. Drawn beforehand, so that
/// drawing costs the measurement nothing, and the same for all candidates.
/// </summary>
internal sealed class SkewedKeys
{
    private const int Drawn = 1 << 18;
    private const int Seed = 1951;

    private readonly long[] _keys = new long[Drawn];

    public SkewedKeys(int count)
    {
        var random = new Random(Seed);
        // Popular messages lie anywhere, not side by side.
        long[] byRank = [.. Enumerable.Range(1, count)];
        random.Shuffle(byRank);
        var cumulative = new double[count];
        var sum = 0.0;
        for (var rank = 0; rank < count; rank++)
        {
            cumulative[rank] = sum += 1.0 / (rank + 1);
        }

        for (var i = 0; i < _keys.Length; i++)
        {
            var found = Array.BinarySearch(cumulative, random.NextDouble() * sum);
            _keys[i] = byRank[Math.Min(found >= 0 ? found + 1 : ~found, count - 1)];
        }
    }

    /// <summary>The draw of that number; numbers begin again at the end.</summary>
    public long this[long number] => _keys[number & (Drawn - 1)];

    /// <summary>So many draws in a row.</summary>
    public long[] Take(long number, int count)
    {
        var keys = new long[count];
        for (var i = 0; i < count; i++)
        {
            keys[i] = this[number + i];
        }

        return keys;
    }
}
