namespace CacheService.Feed;

/// <summary>What the server has confirmed of a registration.</summary>
/// <param name="Renewal">The number of its last renewal.</param>
/// <param name="Until">The epoch second up to which the lease is known to hold.</param>
internal sealed record Proof(long Renewal, long Until);
