namespace CacheService.Client;

/// <summary>A message whose counts in the server's cache were not those of the database.</summary>
/// <param name="MessageId">The message.</param>
/// <param name="Expected">The database's counts; null: there is no such message.</param>
/// <param name="Actual">The cache's counts; null: it knew no such message.</param>
public readonly record struct AuditDifference(long MessageId, AuditedCounts? Expected, AuditedCounts? Actual);
