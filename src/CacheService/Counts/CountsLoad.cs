namespace CacheService.Counts;

/// <summary>Everything, as a load brings it, message by message. <see cref="CountsStore.Load(CountsLoad, PgSnapshot, long)"/> puts it in the place of what the store holds.</summary>
internal sealed class CountsLoad
{
    private readonly CountsTable? _before;
    private readonly ulong _revision;
    private readonly List<long> _changed = [];
    private readonly List<long> _came = [];
    private long _known;

    /// <param name="before">What the store holds, which stays as it is until the load is complete; null at the first load.</param>
    /// <param name="revision">That of messages that are new or have other counts than before. The others keep theirs.</param>
    /// <param name="keepsOrphans">Whether there may be activity on messages that do not exist.</param>
    internal CountsLoad(CountsTable? before, ulong revision, bool keepsOrphans)
    {
        _before = before;
        _revision = revision;
        Orphans = keepsOrphans ? [] : null;
    }

    internal CountsTable Table { get; } = new();

    internal Dictionary<long, (long Retweets, long Likes)>? Orphans { get; }

    /// <summary>What happened on each day; null where the database does not tell.</summary>
    public DailyCounts? Days { get; set; }

    /// <summary>The messages that were not there before; none at the first load.</summary>
    internal IReadOnlyCollection<long> Came => _came;

    /// <summary>Adds a message.</summary>
    /// <exception cref="DuplicateMessageException">It was added before.</exception>
    public void Add(long messageId, long retweets, long likes)
    {
        var counts = new MessageCounts(retweets, likes, _revision);
        if (_before is not null)
        {
            var isKnown = _before.TryGet(messageId, out var before);
            _known += isKnown ? 1 : 0;
            if (isKnown && before.Retweets == retweets && before.Likes == likes)
            {
                counts = before;
            }
            else
            {
                _changed.Add(messageId);
                if (!isKnown)
                {
                    _came.Add(messageId);
                }
            }
        }

        if (!Table.Set(messageId, counts))
        {
            throw new DuplicateMessageException(messageId);
        }
    }

    /// <summary>Adds counts of a message that does not exist. Only where the load keeps orphans.</summary>
    /// <exception cref="ArgumentException">They were added before.</exception>
    public void AddOrphan(long messageId, long retweets, long likes) => Orphans!.Add(messageId, (retweets, likes));

    /// <summary>Ends the load.</summary>
    /// <param name="gone">The messages that went.</param>
    /// <returns>The messages that came, changed or went; none at the first load, before which there was nothing to differ from.</returns>
    internal List<long> Complete(out List<long> gone)
    {
        Table.EndFilling();
        gone = [];
        if (_before is not null && _before.Count > _known)
        {
            for (var segment = 0; segment < CountsTable.SegmentCount; segment++)
            {
                foreach (ref readonly var entry in _before.Segment(segment))
                {
                    if (!entry.IsFree && !Table.TryGet(entry.MessageId, out _))
                    {
                        gone.Add(entry.MessageId);
                    }
                }
            }
        }

        _changed.AddRange(gone);
        return _changed;
    }
}

/// <summary>A load brought a message twice: the table has no key on it.</summary>
internal sealed class DuplicateMessageException(long messageId)
    : Exception($"tweet.message has message {messageId} more than once; every messageid must be there once (a unique index on messageid keeps it so)");
