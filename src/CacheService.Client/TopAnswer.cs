namespace CacheService.Client;

/// <summary>The messages with the highest counts.</summary>
/// <param name="Counts">Highest first; equal ones by message id.</param>
/// <param name="Freshness">Which snapshot they are from.</param>
public sealed record TopAnswer(IReadOnlyList<MessageCounts> Counts, Freshness Freshness);
