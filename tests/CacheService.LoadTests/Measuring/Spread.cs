namespace CacheService.LoadTests.Measuring;

/// <summary>What several rounds have given.</summary>
internal sealed record Spread(double Median, double Min, double Max)
{
    public static Spread Of(IReadOnlyCollection<double> values) => new(Percentile.Of(values, 0.5), values.Min(), values.Max());
}
