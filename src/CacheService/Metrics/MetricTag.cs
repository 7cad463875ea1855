using System.Runtime.CompilerServices;
using System.Text.Json;

namespace CacheService.Metrics;

/// <summary>A tag of measurements, and all the values that it can have: so few that each may be a time series of its own.</summary>
internal abstract class MetricTag(string name, IReadOnlyList<string> values)
{
    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>All its values.</summary>
    public IReadOnlyList<string> Values => values;
}

/// <summary>A tag whose values are those of an enum, in lower case with underscores. Its pairs are made once.</summary>
internal sealed class MetricTag<T> : MetricTag
    where T : struct, Enum
{
    private readonly KeyValuePair<string, object?>[] _pairs;

    /// <param name="name">Its name.</param>
    public MetricTag(string name)
        : base(name, [.. Enum.GetNames<T>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)]) =>
        _pairs = [.. Values.Select(value => new KeyValuePair<string, object?>(name, value))];

    /// <summary>The tag with a value.</summary>
    public KeyValuePair<string, object?> this[T value] => _pairs[Unsafe.BitCast<T, int>(value)];
}
