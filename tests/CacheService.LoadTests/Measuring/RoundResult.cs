namespace CacheService.LoadTests.Measuring;

/// <summary>What a candidate did in one round.</summary>
/// <param name="Value">In the scenario's unit.</param>
/// <param name="Details">What else was seen, by a name that says its unit.</param>
internal sealed record RoundResult(double Value, IReadOnlyDictionary<string, double> Details)
{
    public RoundResult(double value)
        : this(value, new Dictionary<string, double>())
    {
    }
}
