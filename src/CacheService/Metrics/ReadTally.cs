using System.Diagnostics.Metrics;

namespace CacheService.Metrics;

/// <summary>
/// Counts reads by their method and by what they ask for. Each processor has counts of its own: one count for all would travel between their caches with every read,
/// and a read costs little more than that. Thread-safe.
/// </summary>
internal sealed class ReadTally
{
    private static readonly int Methods = Enum.GetValues<ReadMethod>().Length;
    private static readonly int Requirements = Enum.GetValues<ReadKind>().Length;

    // Not beside another processor's: a cache line, or two that are fetched together.
    private const int Padding = 16;

    private readonly long[][] _counts =
        [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new long[Padding + (Methods * Requirements) + Padding])];

    /// <inheritdoc cref="Tally(Meter, string, string, string)"/>
    public ReadTally(Meter meter, string name, string unit, string description, MetricTag<ReadMethod> method, MetricTag<ReadKind> requirement) => meter.CreateObservableCounter(
        name,
        () => from one in Enum.GetValues<ReadMethod>()
              from kind in Enum.GetValues<ReadKind>()
              select new Measurement<long>(_counts.Sum(counts => Interlocked.Read(ref counts[IndexOf(one, kind)])), method[one], requirement[kind]),
        unit,
        description);

    /// <summary>All of them.</summary>
    public long Total => _counts.Sum(counts => Enumerable.Range(Padding, Methods * Requirements).Sum(i => Interlocked.Read(ref counts[i])));

    /// <summary>Counts one more.</summary>
    public void Increment(ReadMethod method, ReadKind kind) =>
        Interlocked.Increment(ref _counts[(uint)Thread.GetCurrentProcessorId() % (uint)_counts.Length][IndexOf(method, kind)]);

    private static int IndexOf(ReadMethod method, ReadKind kind) => Padding + ((int)method * Requirements) + (int)kind;
}
