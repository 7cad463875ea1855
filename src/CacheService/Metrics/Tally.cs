using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace CacheService.Metrics;

/// <summary>
/// A count that is observed, and not told at each step: so it is there from the start, as zero, without which nobody could see its first step; and where nobody measures
/// it costs an addition. Thread-safe.
/// </summary>
internal sealed class Tally
{
    private long _value;

    /// <param name="meter">Its meter.</param>
    /// <param name="name">Its name.</param>
    /// <param name="unit">What it counts.</param>
    /// <param name="description">What it says.</param>
    public Tally(Meter meter, string name, string unit, string description) => meter.CreateObservableCounter(name, () => Value, unit, description);

    /// <summary>How many there are.</summary>
    public long Value => Interlocked.Read(ref _value);

    /// <summary>Counts some more.</summary>
    public void Add(long some) => Interlocked.Add(ref _value, some);
}

/// <summary>As <see cref="Tally"/>, one for each value of a tag.</summary>
internal sealed class Tally<T>
    where T : struct, Enum
{
    private readonly long[] _values;

    /// <inheritdoc cref="Tally(Meter, string, string, string)"/>
    public Tally(Meter meter, string name, string unit, string description, MetricTag<T> tag)
    {
        var all = Enum.GetValues<T>();
        _values = new long[all.Length];
        meter.CreateObservableCounter(name, () => all.Select((value, i) => new Measurement<long>(Interlocked.Read(ref _values[i]), tag[value])), unit, description);
    }

    /// <summary>Counts one more.</summary>
    public void Increment(T value) => Interlocked.Increment(ref _values[Unsafe.BitCast<T, int>(value)]);
}
