namespace CacheService.Auditing;

/// <summary>What the comparison of one range of messages found.</summary>
/// <param name="Last">The range's last id.</param>
/// <param name="Messages">How many messages it has.</param>
/// <param name="Differences">Which of them differ, by id.</param>
/// <param name="Repaired">How many of those were corrected.</param>
/// <param name="DatabaseTime">How long the database worked.</param>
internal sealed record RangeComparison(long Last, int Messages, IReadOnlyList<AuditDifference> Differences, int Repaired, TimeSpan DatabaseTime);
