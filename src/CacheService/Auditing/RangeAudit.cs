using CacheService.Counts;
using CacheService.Feed;
using CacheService.Postgres;

namespace CacheService.Auditing;

/// <summary>
/// Compares the counts of one range of messages with the tables, exactly, while both change, and repairs what differs.
/// <para>
/// The tables are counted at a snapshot A. Then the store is let reach a snapshot S that includes A, and its counts are read, all at S. What the change log has
/// between A and S, added to the counts at A, must be the counts at S. So a difference is something that the log does not have.
/// </para>
/// <para>
/// That holds if the log is whole from A on. What A lacks is not trimmed, because for that time the feed reports a snapshot from before A
/// (<see cref="SnapshotPin"/>); whatever else may take rows out of the log (a crash, a registration that is gone, a TRUNCATE, a restore) makes the feed load
/// afresh at its next drain, under a new epoch: so there is one more drain after the log was read, and it must leave the epoch as it was before A.
/// Otherwise nothing follows, and the range is compared again.
/// </para>
/// </summary>
internal sealed class RangeAudit(CountsStore store, AuditedFeed feed, PostgresConnections connections, TimeProvider time)
{
    /// <summary>Compares and repairs a range.</summary>
    /// <param name="first">Its first id.</param>
    /// <param name="size">How many messages it has at most.</param>
    /// <param name="cachedIds">What the cache knew at some time, ascending: messages that the tables lack are among those.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RangeNotComparedException">Nothing follows; try again.</exception>
    /// <exception cref="RecountTooLongException">It takes longer than it may.</exception>
    public Task<RangeComparison> CompareAsync(long first, RangeSize size, long[] cachedIds, CancellationToken cancellationToken) =>
        feed.HoldAsync(held => CompareAsync(first, size, cachedIds, held, cancellationToken));

    private async Task<RangeComparison> CompareAsync(long first, RangeSize size, long[] cachedIds, HeldFeed held, CancellationToken cancellationToken)
    {
        // One connection for the tables and the log, so that both are of one server.
        await using var connection = await connections.Pool.OpenConnectionAsync(cancellationToken);
        var database = new RecountReader(connection);
        var begin = IndexOf(cachedIds, first);
        var end = begin + size.Messages < cachedIds.Length ? begin + size.Messages : cachedIds.Length;

        var started = time.GetTimestamp();
        var recount = await database.RecountAsync(held.Consumer, first, size, end < cachedIds.Length ? cachedIds[end] - 1 : long.MaxValue, cancellationToken);
        var last = recount.Last;
        var databaseTime = time.GetElapsedTime(started);
        size.Adapt(databaseTime);
        var messageIds = new HashSet<long>(recount.Counts.Keys);
        messageIds.UnionWith(new ArraySegment<long>(cachedIds, begin, IndexAfter(cachedIds, last) - begin));
        var (pending, compared) = (messageIds.ToArray(), 0);
        var differences = new List<AuditDifference>();
        CountsVersion? found = null;

        // A second time for the messages that have come since the tables were counted: there may be activity of theirs from before.
        for (var pass = 0; ; pass++)
        {
            RequireOurs(recount);
            await feed.WaitForDrainAsync(cancellationToken);
            var actual = new MessageCounts?[pending.Length];
            var version = store.ReadMany(pending, actual)!;
            found ??= version;
            feed.RequireSame(held, version);

            started = time.GetTimestamp();
            var recorded = await database.ReadRecordedAsync(recount.Snapshot, version.Snapshot, first, last, cancellationToken);
            databaseTime += time.GetElapsedTime(started);
            var came = recorded.Where(change => change.Value.Born > 0 && !recount.Counts.ContainsKey(change.Key)).Select(change => change.Key).ToHashSet();
            compared += Compare(recount.Counts, recorded, [.. pending.Zip(actual).Where(message => !came.Contains(message.First))], differences);
            pending = [.. came];
            if (pass > 0 || pending.Length == 0)
            {
                break;
            }

            started = time.GetTimestamp();
            recount = await database.RecountAsync(held.Consumer, pending, last, size.Timeout, cancellationToken);
            databaseTime += time.GetElapsedTime(started);
        }

        await feed.WaitForDrainAsync(cancellationToken);
        feed.RequireSame(held);
        differences.Sort((one, other) => one.MessageId.CompareTo(other.MessageId));
        var repaired = differences.Count == 0 ? 0 : await feed.RepairAsync(new Repair(found!, [.. differences.Select(difference => difference.Correction)]), cancellationToken);
        return new RangeComparison(last, compared, differences, repaired, databaseTime);
    }

    private static int Compare(
        IReadOnlyDictionary<long, AuditedCounts> counted, Dictionary<long, CountChange> recorded, (long MessageId, MessageCounts? Counts)[] actual, List<AuditDifference> differences)
    {
        var messages = 0;
        foreach (var (messageId, held) in actual)
        {
            if (!Expectation.TryAdd(counted.TryGetValue(messageId, out var counts) ? counts : null, recorded.GetValueOrDefault(messageId), out var expected))
            {
                throw new RangeNotComparedException($"message {messageId} changed unrecorded meanwhile");
            }

            AuditedCounts? cached = held is { } known ? new AuditedCounts(known.Retweets, known.Likes) : null;
            messages += expected is null && cached is null ? 0 : 1;
            if (expected != cached)
            {
                differences.Add(new AuditDifference(messageId, expected, cached));
            }
        }

        return messages;
    }

    private static void RequireOurs(RangeRecount recount)
    {
        if (!recount.IsOurs)
        {
            throw new RangeNotComparedException("the feed is not registered with the server that the audit asked");
        }
    }

    private static int IndexOf(long[] ascending, long messageId)
    {
        var index = Array.BinarySearch(ascending, messageId);
        return index >= 0 ? index : ~index;
    }

    private static int IndexAfter(long[] ascending, long messageId)
    {
        var index = Array.BinarySearch(ascending, messageId);
        return index >= 0 ? index + 1 : ~index;
    }
}

/// <summary>What the comparison of one range of messages found.</summary>
/// <param name="Last">The range's last id.</param>
/// <param name="Messages">How many messages it has.</param>
/// <param name="Differences">Which of them differ, by id.</param>
/// <param name="Repaired">How many of those were corrected.</param>
/// <param name="DatabaseTime">How long the database worked.</param>
internal sealed record RangeComparison(long Last, int Messages, IReadOnlyList<AuditDifference> Differences, int Repaired, TimeSpan DatabaseTime);

/// <summary>A range could not be compared, because the feed is not what it was when that began. Nothing follows of its counts.</summary>
internal sealed class RangeNotComparedException(string message) : Exception(message);
