using CacheService.Counts;
using TweetCounts.V1;
using DailyCounts = CacheService.Counts.DailyCounts;

namespace CacheService.Replication;

/// <summary>
/// A store that follows a chain: it has the state of a frame, and takes the frame after it. Frames come by the stream; where that brings none, the publisher hands them out, and
/// the store is ahead of the stream until that has them too. One writer.
/// </summary>
/// <param name="store">Where its counts are; with the chain as epoch, and the chain's revisions.</param>
/// <param name="header">Of which frame they are.</param>
internal sealed class Chain(CountsStore store, CheckpointHeader header)
{
    private readonly List<Frame> _parts = [];

    /// <summary>The frames that are here, and that the stream has not brought yet.</summary>
    private readonly Dictionary<ulong, (ulong Tenure, string Snapshot)> _handedOut = [];

    /// <summary>The last frame that the stream has brought.</summary>
    private (ulong Number, string Snapshot) _inStream = (header.Number, header.Snapshot);

    private ulong _lastPart = header.Sequence;

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

    /// <summary>Whose frame that is.</summary>
    public ulong Tenure { get; private set; } = header.Tenure;

    /// <summary>The sequence of the last frame that the stream has brought whole.</summary>
    public ulong Sequence { get; private set; } = header.Sequence;

    /// <summary>Whose frame that is.</summary>
    public ulong StreamTenure { get; private set; } = header.Tenure;

    /// <summary>Whether it has frames that the stream has not brought yet.</summary>
    public bool IsAhead => Number > _inStream.Number;

    /// <summary>Takes the next part from the stream; with the last part of a frame, the frame is applied, unless it is known.</summary>
    /// <returns>Whether a frame is complete.</returns>
    /// <exception cref="ChainEndedException">It cannot go on from here.</exception>
    public bool Take(ulong sequence, Frame part)
    {
        if (sequence <= _lastPart)
        {
            // A server that lags behind the others begins earlier than it was asked to.
            return false;
        }

        if (part.Chain != Name)
        {
            throw new ChainEndedException(part.Chain.Length > 0 ? $"another chain has begun ({part.Chain})" : "services of two databases have published under one Nats:Name");
        }

        if (part.Part == 0)
        {
            // What is here of a frame that was begun by a publisher which has died.
            _parts.Clear();
        }

        if (part.Number != _inStream.Number + 1 || part.Part != _parts.Count || part.SnapshotBefore != _inStream.Snapshot)
        {
            throw new ChainEndedException($"the stream has lost what comes after frame {_inStream.Number}: part {part.Part} of frame {part.Number} follows");
        }

        _parts.Add(part);
        _lastPart = sequence;
        if (part.Part + 1 < part.Parts)
        {
            return false;
        }

        if (!_handedOut.Remove(part.Number, out var known) || known != (part.Tenure, part.Snapshot))
        {
            Apply(_parts);
            _handedOut.Clear();
        }

        (_inStream, Sequence, StreamTenure) = ((part.Number, part.Snapshot), sequence, part.Tenure);
        _parts.Clear();
        return true;
    }

    /// <summary>Takes frames that the publisher hands out, as far as they are the next ones.</summary>
    /// <exception cref="ChainEndedException">One cannot be applied.</exception>
    public void TakeHandedOut(IEnumerable<Frame> parts)
    {
        foreach (var frame in parts.GroupBy(part => part.Number))
        {
            var (first, all) = (frame.First(), frame.ToList());
            // Another tenure follows the stream: what is here besides may not be a part of its history.
            var isNext = first.Chain == Name && first.Number == Number + 1 && first.SnapshotBefore == Snapshot && (first.Tenure == Tenure || (first.Tenure > Tenure && !IsAhead));
            if (isNext && all.Count == first.Parts)
            {
                Apply(all);
                _handedOut[Number] = (Tenure, Snapshot);
            }
        }
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

    private void Apply(List<Frame> parts)
    {
        var last = parts[^1];
        try
        {
            var (version, snapshot) = (Store.Version!, PgSnapshot.Parse(last.Snapshot));
            // The first one of another tenure has all that was touched since the frame before it in the stream. So it leads to its own state from any that comes before that, and from no other.
            if (last.Tenure != Tenure && (!version.Snapshot.IsContainedIn(snapshot) || last.Revision <= version.Revision))
            {
                throw new ChainEndedException($"another service publishes, and its frame {last.Number} is of an earlier state than what is here");
            }

            if (last.Revision < version.Revision)
            {
                throw new ChainEndedException($"frame {last.Number} has a lower revision than what is here");
            }

            var changes = new List<CountChange>(parts.Sum(part => (part.Counts?.MessageIds.Count ?? 0) + part.Removed.Count));
            parts.ForEach(part => changes.AddRange(Changes(part)));
            Store.Apply(changes, snapshot, version.TakenAt, version.Days is null ? null : Days(parts, version.Days), last.Revision, renewsAll: last.Tenure != Tenure);
        }
        catch (Exception e) when (e is InconsistentChangeException or FormatException or ArgumentOutOfRangeException)
        {
            throw new ChainEndedException($"frame {last.Number} cannot be applied: {e.Message}");
        }

        (Number, Tenure, Snapshot) = (last.Number, last.Tenure, last.Snapshot);
    }

    private IEnumerable<CountChange> Changes(Frame part)
    {
        for (var i = 0; i < part.Counts?.MessageIds.Count; i++)
        {
            Store.Read(part.Counts.MessageIds[i], out var before);
            yield return new CountChange(
                part.Counts.MessageIds[i], part.Counts.Retweets[i] - (before?.Retweets ?? 0), part.Counts.Likes[i] - (before?.Likes ?? 0), before is null ? 1 : 0);
        }

        foreach (var messageId in part.Removed)
        {
            Store.Read(messageId, out var before);
            yield return before is null ? new CountChange(messageId, 0, 0, 0) : new CountChange(messageId, 0, 0, -1);
        }
    }

    private static List<DayCounts> Days(List<Frame> parts, DailyCounts before)
    {
        var now = parts.SelectMany(part => part.Days).Select(Frames.Day).ToList();
        if (parts[^1].HasAllDays)
        {
            var known = now.Select(day => day.Day).ToHashSet();
            now.AddRange(before.All().Where(day => !known.Contains(day.Day)).Select(day => new DayCounts { Day = day.Day }));
        }

        return [.. now.Select(day => day.Minus(before.Of(day.Day))).Where(day => !day.IsZero)];
    }
}

/// <summary>A chain cannot be followed any further; what comes next begins at a checkpoint.</summary>
internal sealed class ChainEndedException(string message) : Exception(message);
