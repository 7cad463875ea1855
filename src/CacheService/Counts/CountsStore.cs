namespace CacheService.Counts;

/// <summary>
/// All counts, at one snapshot of the database. One writer loads and applies; any number of readers read, without a lock:
/// the writer makes a sequence number odd while it changes counts, and a reader that finds it odd, or finds it moved when it is done, reads again
/// (a seqlock, as in the Linux kernel). So a reader sees all of a drain or nothing of it. A large drain is laid over the table whole
/// (<see cref="CountsOverlay"/>), which takes a moment, too.
/// </summary>
internal sealed class CountsStore(int maxTombstones)
{
    /// <summary>A reader that was overtaken this often takes the writer's lock, so that it ends.</summary>
    private const int OptimisticReads = 16;

    /// <summary>A scan that the writer undid this often holds the writer up, so that it ends.</summary>
    private const int OptimisticScans = 3;

    /// <summary>From here on it pays to make memory fetch what many lookups need before the first of them.</summary>
    private const int ManyMessages = 8;

    /// <summary>From here on readers would wait for more than half a millisecond.</summary>
    private const int LargeDrain = 1000;

    private readonly Lock _writing = new();
    private readonly List<TopScan> _scans = [];

    /// <summary>Counts of messages that do not exist; they count once the message comes. Null where a foreign key keeps them out. Only for the writer.</summary>
    private Dictionary<long, (long Retweets, long Likes)>? _orphans;
    private CountsTable _table = new();
    private Tombstones _tombstones = new(maxTombstones);
    private CountsVersion? _version;
    private long _sequence;

    /// <summary>
    /// Raised by the writer after each load and each drain, with the version that the store holds now and the messages whose counts changed, came or
    /// went; none for a drain that found nothing. Handlers run on the writer: they must be short.
    /// </summary>
    public event Action<CountsVersion, IReadOnlyList<long>>? Changed;

    /// <summary>Raised by the writer when the store is about to get another history (<see cref="TakeOver"/>), with whose revisions those of now do not compare.</summary>
    public event Action? Replacing;

    /// <summary>Which of the messages that <see cref="Changed"/> tells of were not there before, and came. Only for its handlers.</summary>
    public IReadOnlyCollection<long> Came { get; private set; } = [];

    /// <summary>The messages of a drain whose changes came to nothing: a snapshot in between may have them otherwise. Only for the handlers of <see cref="Changed"/>.</summary>
    public IReadOnlyCollection<long> Undone { get; private set; } = [];

    /// <summary>What a drain that <see cref="Changed"/> tells of has added to days. Only for its handlers.</summary>
    public IReadOnlyList<DayCounts> DayChanges { get; private set; } = [];

    /// <summary>What the store holds; null before the first load. Thread-safe.</summary>
    public CountsVersion? Version => Volatile.Read(ref _version);

    /// <summary>The messages that went. Thread-safe.</summary>
    public Tombstones Tombstones => Volatile.Read(ref _tombstones);

    /// <summary>Whether there is activity of a message that does not exist. Only for the writer.</summary>
    public bool HasOrphan(long messageId) => _orphans?.ContainsKey(messageId) == true;

    /// <summary>Begins to replace everything, which shows when the load is put in. Only for the writer, which must not apply changes meanwhile.</summary>
    /// <param name="keepsOrphans">Whether there may be activity on messages that do not exist.</param>
    public CountsLoad BeginLoad(bool keepsOrphans = false)
    {
        // Where the last drain did not get so far, because memory ran out.
        _table.TakeIn();
        return new CountsLoad(_version is null ? null : _table, NextRevision, keepsOrphans);
    }

    /// <summary>Replaces everything by a load, under a new epoch. What it did not change keeps its revision. Only for the writer.</summary>
    /// <param name="load">Every message.</param>
    /// <param name="snapshot">What they were read at.</param>
    /// <param name="takenAt">See <see cref="CountsVersion.TakenAt"/>.</param>
    public void Load(CountsLoad load, PgSnapshot snapshot, long takenAt)
    {
        var changed = load.Complete(out var gone);
        Came = load.Came;
        var version = new CountsVersion(Guid.NewGuid().ToString("N"), NextRevision, load.Table.Count, snapshot, takenAt) { Days = load.Days };
        gone.ForEach(messageId => Tombstones.Add(messageId, version.Revision));
        lock (_writing)
        {
            BeginWrite();
            Volatile.Write(ref _table, load.Table);
            Volatile.Write(ref _version, version);
            EndWrite();
        }

        _orphans = load.Orphans;

        Changed?.Invoke(version, changed);
    }

    /// <summary>Replaces everything, as <see cref="Load(CountsLoad, PgSnapshot, long)"/> does.</summary>
    public void Load(IEnumerable<CountedMessage> messages, PgSnapshot snapshot, long takenAt)
    {
        var load = BeginLoad();
        foreach (var (messageId, counts) in messages)
        {
            load.Add(messageId, counts.Retweets, counts.Likes);
        }

        Load(load, snapshot, takenAt);
    }

    /// <summary>
    /// Replaces everything by what another store has, its history included: epoch, revisions and tombstones. Where that is another epoch, or has lost its latest revisions, nobody may be left who
    /// compares revisions with those of before. Only for the writer of both; the other store is not to be used any more.
    /// </summary>
    public void TakeOver(CountsStore other)
    {
        var version = other._version ?? throw new InvalidOperationException("Nothing is loaded yet.");
        var changed = _version is null ? [] : other._table.FindDifferences(_table);
        Came = [];
        if (_version is not null && (_version.Epoch != version.Epoch || version.Revision < _version.Revision))
        {
            Replacing?.Invoke();
        }

        lock (_writing)
        {
            BeginWrite();
            Volatile.Write(ref _table, other._table);
            Volatile.Write(ref _tombstones, other._tombstones);
            Volatile.Write(ref _version, version);
            EndWrite();
        }

        _orphans = null;
        Changed?.Invoke(version, changed);
    }

    /// <summary>Fills an empty store with what another one, of whatever process, had as of a version. Only for the writer.</summary>
    public void Restore(CountsTable table, Tombstones tombstones, CountsVersion version)
    {
        (_table, _tombstones, _version) = (table, tombstones, version);
    }

    /// <summary>Moves the store to a later snapshot. Only for the writer.</summary>
    /// <param name="changes">What is visible in <paramref name="snapshot"/> and was not in the store's, each message once.</param>
    /// <param name="snapshot">The later snapshot.</param>
    /// <param name="takenAt">See <see cref="CountsVersion.TakenAt"/>.</param>
    /// <param name="dayChanges">Likewise what is to be added to days; of no use where the store has none.</param>
    /// <param name="revision">The revision that this leads to, where another cache numbers them; null: the next one, if something changes.</param>
    /// <param name="renewsAll">Whether messages that stay as they are, or stay away, get that revision as well: somebody may hold them otherwise.</param>
    /// <exception cref="InconsistentChangeException">A change does not fit; nothing was applied.</exception>
    public void Apply(
        IReadOnlyList<CountChange> changes, PgSnapshot snapshot, long takenAt, IReadOnlyList<DayCounts>? dayChanges = null,
        ulong? revision = null, bool renewsAll = false) =>
        Add(changes, dayChanges, snapshot, takenAt, isCorrection: false, revision, renewsAll);

    /// <summary>Corrects counts that were wrong, at the snapshot that the store is of. Only for the writer.</summary>
    /// <param name="corrections">What is to be added, each message once.</param>
    /// <param name="dayCorrections">Likewise to days; of no use where the store has none.</param>
    /// <exception cref="InconsistentChangeException">A correction does not fit; nothing was applied.</exception>
    public void Correct(IReadOnlyList<CountChange> corrections, IReadOnlyList<DayCounts>? dayCorrections)
    {
        var version = LoadedVersion;
        Add(corrections, dayCorrections, version.Snapshot, version.TakenAt, isCorrection: true, revision: null, renewsAll: false);
    }

    /// <summary>One message's counts, and the version they are of. Thread-safe.</summary>
    /// <param name="messageId">The message.</param>
    /// <param name="counts">Its counts; null if there is no such message.</param>
    /// <returns>The version; null before the first load.</returns>
    public CountsVersion? Read(long messageId, out MessageCounts? counts)
    {
        counts = null;
        return ReadMany([messageId], new Span<MessageCounts?>(ref counts));
    }

    /// <summary>Many messages' counts, all of one version. Thread-safe.</summary>
    /// <param name="messageIds">The messages.</param>
    /// <param name="counts">Receives their counts, in order; null where there is no such message. At least as long as <paramref name="messageIds"/>.</param>
    /// <returns>The version; null before the first load.</returns>
    public CountsVersion? ReadMany(ReadOnlySpan<long> messageIds, Span<MessageCounts?> counts)
    {
        if (messageIds.Length >= ManyMessages)
        {
            Touch(messageIds);
        }

        return ReadConsistently(new Lookup(messageIds, counts), static (store, lookup) => store.Copy(lookup));
    }

    /// <summary>
    /// The messages whose counts changed after a revision. Thread-safe, and holds up nobody: each message's counts are true at some moment of the
    /// enumeration, and of no earlier version than the one before it began.
    /// </summary>
    public IEnumerable<CountedMessage> ReadChangedAfter(ulong revision)
    {
        var changed = new List<CountedMessage>();
        for (var segment = 0; segment < CountsTable.SegmentCount; segment++)
        {
            ReadSegments(segment, 1, revision, changed);
            foreach (var message in changed)
            {
                yield return message;
            }
        }
    }

    /// <summary>The messages of some segments whose counts changed after a revision, all of one version. Thread-safe.</summary>
    /// <param name="first">The first of the segments, of <see cref="CountsTable.SegmentCount"/>; a message stays in its segment, also when everything is loaded afresh.</param>
    /// <param name="count">How many segments. The writer can be held up for the time that it takes to read them.</param>
    /// <param name="revision">The revision.</param>
    /// <param name="changed">Receives the messages, in place of what it has.</param>
    /// <returns>The version; null before the first load.</returns>
    public CountsVersion? ReadSegments(int first, int count, ulong revision, List<CountedMessage> changed) =>
        ReadConsistently((first, count, revision, changed), static (store, read) =>
        {
            read.changed.Clear();
            for (var segment = read.first; segment < read.first + read.count; segment++)
            {
                foreach (ref readonly var entry in store._table.Segment(segment))
                {
                    if (entry.Counts.Revision > read.revision)
                    {
                        read.changed.Add(new CountedMessage(entry.MessageId, entry.Counts));
                    }
                }
            }
        });

    /// <summary>
    /// All messages, each once, in no order. Thread-safe, and holds up nobody: a message that comes or goes meanwhile may be among them or not.
    /// </summary>
    public long[] MessageIds()
    {
        var messageIds = new List<long>((int)Math.Min(Volatile.Read(ref _table).Count, Array.MaxLength));
        messageIds.AddRange(ReadChangedAfter(0).Select(message => message.MessageId));
        return [.. messageIds];
    }

    /// <summary>
    /// The messages with the highest counts, highest first, equal ones by ascending id: exactly those of the version that is returned. Thread-safe; holds up the
    /// writer only at the end, for what it changed meanwhile.
    /// </summary>
    /// <param name="order">What they are ranked by.</param>
    /// <param name="limit">How many at most, above zero.</param>
    /// <param name="top">The messages.</param>
    /// <returns>The version; null before the first load.</returns>
    public CountsVersion? ReadTop(TopOrder order, int limit, out IReadOnlyList<CountedMessage> top)
    {
        for (var attempt = 0; attempt < OptimisticScans; attempt++)
        {
            var scan = BeginScan(order, limit);
            try
            {
                for (var segment = 0; segment < CountsTable.SegmentCount; segment++)
                {
                    ReadConsistently((scan, segment), static (_, read) => read.scan.Find(read.segment));
                    scan.Keep();
                }
            }
            catch
            {
                EndScan(scan, out _);
                throw;
            }

            if (EndScan(scan, out var version) is { } found)
            {
                top = found;
                return version;
            }
        }

        lock (_writing)
        {
            var scan = new TopScan(_table, order, limit);
            for (var segment = 0; segment < CountsTable.SegmentCount; segment++)
            {
                scan.Find(segment);
                scan.Keep();
            }

            top = scan.Finish()!;
            return _version;
        }
    }

    private CountsVersion LoadedVersion => _version ?? throw new InvalidOperationException("Nothing is loaded yet.");

    private ulong NextRevision => (_version?.Revision ?? 0) + 1;

    private void Add(
        IReadOnlyList<CountChange> changes, IReadOnlyList<DayCounts>? dayChanges, PgSnapshot snapshot, long takenAt, bool isCorrection, ulong? revision,
        bool renewsAll)
    {
        var version = LoadedVersion;
        _table.TakeIn();
        var isLarge = changes.Count > LargeDrain;
        changes = isLarge ? CountsOverlay.Arrange(changes) : changes;
        var messageIds = changes.Count == 0 ? [] : new long[changes.Count];
        var (messages, shown) = (version.Messages, 0);
        List<long>? came = null, undone = null;
        // By index: the enumerator of an interface is an allocation for each drain.
        for (var i = 0; i < changes.Count; i++)
        {
            var change = changes[i];
            var known = _table.TryGet(change.MessageId, out _);
            if ((known ? 1 : 0) + change.Born is not (0 or 1) || (!known && change.Born == 0 && (change.Retweets | change.Likes) != 0 && _orphans is null))
            {
                throw new InconsistentChangeException(change, known);
            }

            messages += change.Born;
            if ((!change.IsZero || renewsAll) && (known || change.Born != 0))
            {
                messageIds[shown++] = change.MessageId;
            }
            else
            {
                (undone ??= []).Add(change.MessageId);
            }

            if (change.Born > 0)
            {
                (came ??= []).Add(change.MessageId);
            }
        }

        Array.Resize(ref messageIds, shown);
        var days = dayChanges is null ? version.Days : version.Days?.Add(dayChanges);
        var nextRevision = revision ?? (shown == 0 && days == version.Days ? version.Revision : NextRevision);
        var next = version with
        {
            Revision = nextRevision,
            Messages = messages,
            Snapshot = snapshot,
            TakenAt = takenAt,
            Days = days,
            IsCorrection = isCorrection,
        };
        var overlay = isLarge ? LayOut(changes, messageIds.Length, next.Revision, renewsAll) : null;
        lock (_writing)
        {
            BeginWrite();
            try
            {
                if (overlay is null)
                {
                    ApplyInPlace(changes, next.Revision, renewsAll);
                }
                else
                {
                    _table.Cover(overlay);
                }

                Volatile.Write(ref _version, next);
            }
            finally
            {
                // Also where memory ran out in between. Then everything has to be loaded afresh.
                EndWrite();
            }

            if (messageIds.Length > 0)
            {
                _scans.ForEach(scan => scan.Note(messageIds));
            }
        }

        Came = (IReadOnlyCollection<long>?)came ?? [];
        (Undone, DayChanges) = ((IReadOnlyCollection<long>?)undone ?? [], dayChanges ?? []);
        Changed?.Invoke(next, messageIds);
        _table.TakeIn();
    }

    private TopScan BeginScan(TopOrder order, int limit)
    {
        lock (_writing)
        {
            var scan = new TopScan(_table, order, limit);
            _scans.Add(scan);
            return scan;
        }
    }

    /// <returns>Null: it was undone by a load, or by too many changes.</returns>
    private List<CountedMessage>? EndScan(TopScan scan, out CountsVersion? version)
    {
        lock (_writing)
        {
            _scans.Remove(scan);
            version = _version;
            return scan.Table == _table ? scan.Finish() : null;
        }
    }

    /// <summary>Reads while the writer does not write. Reads again, in place of what it read before, where it did.</summary>
    private CountsVersion? ReadConsistently<TState>(TState state, Action<CountsStore, TState> read)
        where TState : allows ref struct
    {
        var spin = new SpinWait();
        for (var attempt = 0; attempt < OptimisticReads; attempt++)
        {
            var sequence = Volatile.Read(ref _sequence);
            if ((sequence & 1) == 0)
            {
                var version = _version;
                read(this, state);
                Volatile.ReadBarrier();
                if (Volatile.Read(ref _sequence) == sequence)
                {
                    return version;
                }
            }

            spin.SpinOnce();
        }

        lock (_writing)
        {
            read(this, state);
            return _version;
        }
    }

    private void Copy(Lookup lookup)
    {
        var table = _table;
        for (var i = 0; i < lookup.MessageIds.Length; i++)
        {
            lookup.Counts[i] = table.TryGet(lookup.MessageIds[i], out var counts) ? counts : null;
        }
    }

    private void Touch(ReadOnlySpan<long> messageIds)
    {
        var table = _table;
        foreach (var messageId in messageIds)
        {
            table.Touch(messageId);
        }
    }

    private CountsOverlay LayOut(IReadOnlyList<CountChange> changes, int messages, ulong revision, bool renewsAll)
    {
        var overlay = new CountsOverlay(messages);
        for (var i = 0; i < changes.Count; i++)
        {
            if (Settle(changes[i], revision, renewsAll) is { } counts)
            {
                overlay.Add(changes[i].MessageId, counts);
            }
        }

        return overlay;
    }

    private void ApplyInPlace(IReadOnlyList<CountChange> changes, ulong revision, bool renewsAll)
    {
        for (var i = 0; i < changes.Count; i++)
        {
            switch (Settle(changes[i], revision, renewsAll))
            {
                case { Revision: 0 }:
                    _table.Remove(changes[i].MessageId);
                    break;
                case { } counts:
                    _table.Set(changes[i].MessageId, counts);
                    break;
            }
        }
    }

    /// <summary>What comes of a change, besides what the table is to have then.</summary>
    /// <returns>The message's new counts, of revision 0 if it goes; null: the table has nothing of it.</returns>
    private MessageCounts? Settle(CountChange change, ulong revision, bool renewsAll)
    {
        if (change.IsZero && !renewsAll)
        {
            return null;
        }

        var isKnown = _table.TryGet(change.MessageId, out var counts);
        var (retweets, likes) = (counts.Retweets + change.Retweets, counts.Likes + change.Likes);
        if ((isKnown ? 1 : 0) + change.Born == 0)
        {
            if (isKnown || renewsAll)
            {
                Tombstones.Add(change.MessageId, revision);
            }

            AddOrphan(change.MessageId, retweets, likes);
            return isKnown ? default(MessageCounts) : null;
        }

        var orphan = default((long Retweets, long Likes));
        _orphans?.Remove(change.MessageId, out orphan);
        return new MessageCounts(retweets + orphan.Retweets, likes + orphan.Likes, revision);
    }

    private void AddOrphan(long messageId, long retweets, long likes)
    {
        if (_orphans is null || (retweets | likes) == 0)
        {
            return;
        }

        var before = _orphans.GetValueOrDefault(messageId);
        var after = (Retweets: before.Retweets + retweets, Likes: before.Likes + likes);
        if (after == (0, 0))
        {
            _orphans.Remove(messageId);
        }
        else
        {
            _orphans[messageId] = after;
        }
    }

    // Interlocked: a full barrier, so that no change is seen under an even number.
    private void BeginWrite() => Interlocked.Increment(ref _sequence);

    private void EndWrite() => Interlocked.Increment(ref _sequence);

    private readonly ref struct Lookup(ReadOnlySpan<long> messageIds, Span<MessageCounts?> counts)
    {
        public ReadOnlySpan<long> MessageIds { get; } = messageIds;

        public Span<MessageCounts?> Counts { get; } = counts;
    }
}
