using CacheService.Counts;
using TweetCounts.V1;
using DailyCounts = CacheService.Counts.DailyCounts;

namespace CacheService.Replication;

/// <summary>A store that follows a chain: it has the state of a frame, and takes the frame after it. One writer.</summary>
/// <param name="store">Where its counts are; with the chain as epoch, and the chain's revisions.</param>
/// <param name="header">Of which frame they are.</param>
internal sealed class Chain(CountsStore store, CheckpointHeader header)
{
    private readonly List<Frame> _parts = [];

    /// <summary>Where the counts are.</summary>
    public CountsStore Store { get; private set; } = store;

    /// <summary>Its name.</summary>
    public string Name { get; } = header.Chain;

    /// <summary>The generation of the database's log that it is of.</summary>
    public string LogIdentity { get; } = header.LogIdentity;

    /// <summary>The snapshot of the frame whose state it has.</summary>
    public string Snapshot { get; private set; } = header.Snapshot;

    /// <summary>The frame whose state it has.</summary>
    public ulong Number { get; private set; } = header.Number;

    /// <summary>The sequence of the last part that it has taken.</summary>
    public ulong Sequence { get; private set; } = header.Sequence;

    /// <summary>Takes the next part from the stream; with the last part of a frame, the frame is applied.</summary>
    /// <returns>Whether it was.</returns>
    /// <exception cref="ChainEndedException">It cannot go on from here.</exception>
    public bool Take(ulong sequence, Frame part)
    {
        if (part.Chain != Name)
        {
            throw new ChainEndedException($"another chain has begun ({part.Chain})");
        }

        if (part.Part == 0)
        {
            // What is here of a frame that was begun by a publisher which has died.
            _parts.Clear();
        }

        if (part.Number != Number + 1 || part.Part != _parts.Count || part.SnapshotBefore != Snapshot)
        {
            throw new ChainEndedException($"the stream has lost what comes after frame {Number}: part {part.Part} of frame {part.Number} follows");
        }

        _parts.Add(part);
        Sequence = sequence;
        if (part.Part + 1 < part.Parts)
        {
            return false;
        }

        try
        {
            Apply(part);
        }
        catch (Exception e) when (e is InconsistentChangeException or FormatException or ArgumentOutOfRangeException)
        {
            throw new ChainEndedException($"frame {part.Number} cannot be applied: {e.Message}");
        }

        (Number, Snapshot) = (part.Number, part.Snapshot);
        _parts.Clear();
        return true;
    }

    /// <summary>Takes all that the stream has, up to a sequence.</summary>
    public async Task CatchUpAsync(Broker broker, ulong last, CancellationToken cancellationToken)
    {
        if (Sequence >= last)
        {
            return;
        }

        await foreach (var (sequence, part) in broker.ReadFromAsync(Sequence + 1, cancellationToken))
        {
            Take(sequence, part);
            if (sequence >= last)
            {
                return;
            }
        }
    }

    /// <summary>The state includes all that was committed by a time, and is also that of a later snapshot.</summary>
    /// <param name="takenAt">See <see cref="CountsVersion.TakenAt"/>.</param>
    /// <param name="snapshot">The snapshot; null: as it is.</param>
    public void Prove(long takenAt, PgSnapshot? snapshot)
    {
        var version = Store.Version!;
        var later = snapshot is not null && version.Snapshot.IsContainedIn(snapshot) ? snapshot : version.Snapshot;
        Store.Apply([], later, Math.Max(takenAt, version.TakenAt));
    }

    /// <summary>From here on the counts are in another store, which takes over what they are.</summary>
    public void MoveTo(CountsStore store)
    {
        store.TakeOver(Store);
        Store = store;
    }

    private void Apply(Frame last)
    {
        var version = Store.Version!;
        var changes = new List<CountChange>(_parts.Sum(part => (part.Counts?.MessageIds.Count ?? 0) + part.Removed.Count));
        foreach (var part in _parts)
        {
            for (var i = 0; i < part.Counts?.MessageIds.Count; i++)
            {
                Store.Read(part.Counts.MessageIds[i], out var before);
                changes.Add(new CountChange(
                    part.Counts.MessageIds[i], part.Counts.Retweets[i] - (before?.Retweets ?? 0), part.Counts.Likes[i] - (before?.Likes ?? 0), before is null ? 1 : 0));
            }

            foreach (var messageId in part.Removed)
            {
                Store.Read(messageId, out var before);
                if (before is not null)
                {
                    changes.Add(new CountChange(messageId, 0, 0, -1));
                }
            }
        }

        Store.Apply(changes, PgSnapshot.Parse(last.Snapshot), version.TakenAt, version.Days is null ? null : Days(last, version.Days), last.Revision);
    }

    private static List<DayCounts> Days(Frame frame, DailyCounts before)
    {
        var now = frame.Days.Select(Frames.Day).ToList();
        if (frame.HasAllDays)
        {
            var known = now.Select(day => day.Day).ToHashSet();
            now.AddRange(before.All().Where(day => !known.Contains(day.Day)).Select(day => new DayCounts { Day = day.Day }));
        }

        return [.. now.Select(day => day.Minus(before.Of(day.Day))).Where(day => !day.IsZero)];
    }
}

/// <summary>A chain cannot be followed any further; what comes next begins at a checkpoint.</summary>
internal sealed class ChainEndedException(string message) : Exception(message);
