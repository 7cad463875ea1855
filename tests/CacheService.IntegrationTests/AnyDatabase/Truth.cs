namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>What a superuser sees, at one snapshot.</summary>
/// <param name="Viewed">What the view says; null where there is no view that can be read.</param>
/// <param name="Counted">What the tables say.</param>
internal sealed record Truth(IReadOnlyDictionary<long, (long Retweets, long Likes)>? Viewed, IReadOnlyDictionary<long, (long Retweets, long Likes)> Counted)
{
    /// <summary>All ids that either knows.</summary>
    public IEnumerable<long> Ids => Viewed is null ? Counted.Keys : Counted.Keys.Union(Viewed.Keys);

    /// <summary>Whether two truths say the same.</summary>
    public bool IsLike(Truth other) => AreAlike(Counted, other.Counted) && (Viewed is null ? other.Viewed is null : other.Viewed is not null && AreAlike(Viewed, other.Viewed));

    private static bool AreAlike(IReadOnlyDictionary<long, (long, long)> one, IReadOnlyDictionary<long, (long, long)> other) =>
        one.Count == other.Count && one.All(pair => other.TryGetValue(pair.Key, out var found) && found == pair.Value);
}
