using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>Of which revision each segment of the store was read: few runs, because a pass over all of them takes little time.</summary>
internal sealed class SegmentRevisions
{
    private readonly List<int> _firstSegments = [];
    private readonly List<ulong> _revisions = [];

    /// <summary>The highest revision; 0 if nothing was read.</summary>
    public ulong Highest { get; private set; }

    /// <summary>The lowest revision.</summary>
    public ulong Lowest { get; private set; } = ulong.MaxValue;

    /// <summary>Notes the revision of a segment, and of those after it until the next that is noted.</summary>
    public void Add(int segment, ulong revision)
    {
        if (_revisions.Count > 0 && revision == _revisions[^1])
        {
            return;
        }

        _firstSegments.Add(segment);
        _revisions.Add(revision);
        (Highest, Lowest) = (Math.Max(Highest, revision), Math.Min(Lowest, revision));
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
