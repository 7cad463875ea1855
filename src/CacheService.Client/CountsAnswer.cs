namespace CacheService.Client;

/// <summary>The counts of one message.</summary>
/// <param name="Counts">The counts.</param>
/// <param name="Freshness">Which snapshot they are from.</param>
public sealed record CountsAnswer(MessageCounts Counts, Freshness Freshness);
