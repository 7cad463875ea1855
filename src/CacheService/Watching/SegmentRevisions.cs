using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>Of which revision each segment of the store was read, in one pass over all of them: few runs, because a pass takes little time.</summary>
internal sealed class SegmentRevisions
{
    private readonly List<int> _firstSegments = [];
    private readonly List<ulong> _revisions = [];

    /// <summary>The highest revision; 0 if nothing was read.</summary>
    public ulong Highest => _revisions.Count == 0 ? 0 : _revisions[^1];

    /// <summary>Notes the revision of the next segment, which is no lower than that of the one before.</summary>
    public void Add(int segment, ulong revision)
    {
        if (revision != Highest || segment == 0)
        {
            _firstSegments.Add(segment);
            _revisions.Add(revision);
        }
    }

    /// <summary>The revision of which a message's segment was read; 0 if it was not.</summary>
    public ulong Of(long messageId) => Of(CountsTable.SegmentOf(messageId));

    /// <inheritdoc cref="Of(long)"/>
    public ulong Of(int segment)
    {
        var index = _firstSegments.BinarySearch(segment);
        return index >= 0 ? _revisions[index] : index == -1 ? 0 : _revisions[~index - 1];
    }
}
