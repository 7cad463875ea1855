using CacheService.Counts;

namespace CacheService.Auditing;

/// <summary>The counts of a range of messages, from the tables, at one snapshot.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="IsOurs">Whether the database is the one on which the feed is registered; another server that answers to the same address is not.</param>
/// <param name="Last">The range's last id.</param>
/// <param name="Counts">Every message in the range.</param>
internal sealed record RangeRecount(PgSnapshot Snapshot, bool IsOurs, long Last, IReadOnlyDictionary<long, AuditedCounts> Counts);
