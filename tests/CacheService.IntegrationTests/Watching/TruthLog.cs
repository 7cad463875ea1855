using System.Collections.Concurrent;
using CacheService.Counts;

namespace CacheService.IntegrationTests.Watching;

/// <summary>Every value that a message ever had in the store, by the revision that gave it. Null: the message was gone.</summary>
internal sealed class TruthLog
{
    private readonly CountsStore _store;
    private readonly ConcurrentDictionary<long, SortedList<ulong, (long Retweets, long Likes)?>> _values = new();
    private ulong _revision;

    /// <summary>Begins with what the store holds; no change may be under way.</summary>
    public TruthLog(CountsStore store)
    {
        _store = store;
        foreach (var message in store.ReadChangedAfter(0))
        {
            Note(message.MessageId, message.Counts.Revision);
        }

        _revision = store.Version?.Revision ?? 0;
        store.Changed += (version, changed) =>
        {
            foreach (var messageId in changed)
            {
                Note(messageId, version.Revision);
            }

            Volatile.Write(ref _revision, version.Revision);
        };
    }

    /// <summary>The last revision of which everything is noted.</summary>
    public ulong Revision => Volatile.Read(ref _revision);

    public ICollection<long> MessageIds => _values.Keys;

    /// <summary>Whether a message had those counts from that revision on.</summary>
    public bool WasTrue(long messageId, ulong revision, long retweets, long likes)
    {
        WaitFor(revision);
        if (!_values.TryGetValue(messageId, out var values))
        {
            return false;
        }

        lock (values)
        {
            return values.TryGetValue(revision, out var value) && value == (retweets, likes);
        }
    }

    /// <summary>The counts of a message as of a revision, and since when it had them; null if there was no such message.</summary>
    public (ulong Since, (long Retweets, long Likes)? Value) AsOf(long messageId, ulong revision)
    {
        if (!_values.TryGetValue(messageId, out var values))
        {
            return (0, null);
        }

        lock (values)
        {
            var index = FirstAfter(values.Keys, revision) - 1;
            return index < 0 ? (0, null) : (values.Keys[index], values.Values[index]);
        }
    }

    /// <summary>How often a message went after a revision.</summary>
    public int WentAfter(long messageId, ulong revision)
    {
        if (!_values.TryGetValue(messageId, out var values))
        {
            return 0;
        }

        lock (values)
        {
            return values.Values.Skip(FirstAfter(values.Keys, revision)).Count(value => value is null);
        }
    }

    /// <summary>A subscriber can be told of a change before it is noted here.</summary>
    public void WaitFor(ulong revision) => Assert.That(SpinWait.SpinUntil(() => Revision >= revision, TimeSpan.FromSeconds(60)), $"revision {revision} is noted");

    /// <summary>Waits until all is noted that a subscriber can have been told of by now: what the store has.</summary>
    public void WaitForWhatIsTold() => WaitFor(_store.Version?.Revision ?? 0);

    private static int FirstAfter(IList<ulong> revisions, ulong revision)
    {
        var (low, high) = (0, revisions.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = revisions[middle] <= revision ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private void Note(long messageId, ulong revision)
    {
        _store.Read(messageId, out var counts);
        var values = _values.GetOrAdd(messageId, _ => []);
        lock (values)
        {
            values[revision] = counts is { } found ? (found.Retweets, found.Likes) : null;
        }
    }
}
