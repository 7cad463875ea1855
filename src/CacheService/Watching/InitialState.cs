using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>
/// All messages, in parts, for those who begin to watch everything. Those who begin at about the same time share the parts: thousands of subscribers that come back
/// together then cost little more than one. Nothing is kept while nobody begins. Thread-safe.
/// </summary>
internal sealed class InitialState(CountsStore store, ChangeHistory history)
{
    /// <summary>What a part has in the mean. Twice as many hardly ever come together, because the messages are spread over the segments at random.</summary>
    private const int MessagesPerPart = WatchContent.MaxEntries / 2;

    /// <summary>Some 15 MB in all. More messages are read by each subscriber for itself.</summary>
    private const int MaxSharedMessages = 200_000;

    /// <summary>An older part costs each who is told it more, in what has changed since, than reading it afresh costs all.</summary>
    private const int MaxRevisionsBehind = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<(int First, int Count), StatePart> _parts = [];
    private int _readers;

    /// <summary>Reads all messages, each once. To be enumerated to its end, or disposed of.</summary>
    /// <param name="notBefore">As of this revision of the store, or of a later one.</param>
    public IEnumerable<StatePart> Read(ulong notBefore)
    {
        var messages = store.Version!.Messages;
        var segments = CountsTable.SegmentCount;
        while (segments > 1 && messages * segments / CountsTable.SegmentCount > MessagesPerPart)
        {
            segments /= 2;
        }

        lock (_gate)
        {
            _readers++;
        }

        try
        {
            for (var first = 0; first < CountsTable.SegmentCount; first += segments)
            {
                yield return messages <= MaxSharedMessages ? Share(first, segments, notBefore) : ReadPart(first, segments, isShared: false);
            }
        }
        finally
        {
            lock (_gate)
            {
                if (--_readers == 0)
                {
                    _parts.Clear();
                }
            }
        }
    }

    /// <summary>Revisions mean something else from now on.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            _parts.Clear();
        }
    }

    // Under the lock, so that those who come together wait for one of them to read it.
    private StatePart Share(int first, int segments, ulong notBefore)
    {
        lock (_gate)
        {
            var now = store.Version!.Revision;
            if (!_parts.TryGetValue((first, segments), out var part) || part.Revision < notBefore || now - part.Revision > MaxRevisionsBehind || !history.Reaches(part.Revision))
            {
                _parts[(first, segments)] = part = ReadPart(first, segments, isShared: true);
            }

            return part;
        }
    }

    private StatePart ReadPart(int first, int segments, bool isShared)
    {
        var messages = new List<CountedMessage>();
        var version = store.ReadSegments(first, segments, 0, messages)!;
        return new StatePart(first, version.Revision, WatchContent.Split(messages, [], isShared));
    }
}

/// <summary>A part of all messages.</summary>
/// <param name="FirstSegment">The first segment of the store that it has; the last one is before the next part's.</param>
/// <param name="Revision">Its messages are as of this revision of the store.</param>
/// <param name="Contents">Its messages.</param>
internal sealed record StatePart(int FirstSegment, ulong Revision, IReadOnlyList<WatchContent> Contents);
