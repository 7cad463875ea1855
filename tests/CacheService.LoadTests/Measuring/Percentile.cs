namespace CacheService.LoadTests.Measuring;

internal static class Percentile
{
    /// <summary>The value below which that share of the values lies; between two of them, the mean by distance.</summary>
    public static double Of(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        var place = share * (sorted.Length - 1);
        var (below, above) = ((int)Math.Floor(place), (int)Math.Ceiling(place));
        return sorted[below] + ((sorted[above] - sorted[below]) * (place - below));
    }
}
