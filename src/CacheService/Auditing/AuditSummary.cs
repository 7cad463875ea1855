namespace CacheService.Auditing;

/// <summary>What is told of the audits since the service started.</summary>
/// <param name="Audits">How many came to their end.</param>
/// <param name="Differences">How many differences were found.</param>
/// <param name="LastEndedAt">When the last one ended; null before the first.</param>
/// <param name="LastDuration">How long the last one took.</param>
internal sealed record AuditSummary(long Audits, long Differences, DateTimeOffset? LastEndedAt, TimeSpan LastDuration);
