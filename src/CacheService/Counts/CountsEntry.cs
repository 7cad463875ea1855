namespace CacheService.Counts;

/// <summary>A message with its counts, or a free slot of a <see cref="CountsTable"/>. 32 bytes.</summary>
internal struct CountsEntry
{
    public long MessageId;
    public MessageCounts Counts;

    /// <summary>Revisions begin with 1.</summary>
    public readonly bool IsFree => Counts.Revision == 0;
}
