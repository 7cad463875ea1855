using System.Diagnostics;
using System.Numerics;

namespace CacheService.LoadTests.Measuring;

/// <summary>How long calls took, in buckets that are at most a sixteenth wide. Not thread-safe: each caller has one.</summary>
internal sealed class LatencyHistogram
{
    private const int SubBits = 4;
    private const int SubBuckets = 1 << SubBits;

    private readonly long[] _counts = new long[64 * SubBuckets];

    public void Add(long ticks)
    {
        var nanoseconds = (ulong)Math.Max(SubBuckets, (long)(ticks * (1e9 / Stopwatch.Frequency)));
        var exponent = BitOperations.Log2(nanoseconds);
        var sub = (int)(nanoseconds >> (exponent - SubBits)) & (SubBuckets - 1);
        _counts[(exponent * SubBuckets) + sub]++;
    }

    public void Add(LatencyHistogram other)
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }
    }

    /// <summary>In milliseconds: the upper end of the bucket. Zero where there is nothing.</summary>
    public double Percentile(double share)
    {
        var wanted = (long)Math.Ceiling(share * _counts.Sum());
        for (var (i, seen) = (0, 0L); i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted && seen > 0)
            {
                return Math.ScaleB(1 + ((i % SubBuckets) + 1.0) / SubBuckets, i / SubBuckets) / 1e6;
            }
        }

        return 0;
    }
}
