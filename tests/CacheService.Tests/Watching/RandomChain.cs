using CacheService.Counts;

namespace CacheService.Tests.Watching;

/// <summary>One history of the counts, as all its followers get it: random revisions, every other one so large that it is told in several parts, with messages that come and go.</summary>
internal sealed class RandomChain
{
    public static readonly PgSnapshot Snapshot = PgSnapshot.Parse("10:10:");

    private readonly Dictionary<long, List<(ulong Revision, (long Retweets, long Likes)? Counts)>> _truth = [];
    private readonly List<IReadOnlyList<CountChange>> _changes = [];

    /// <param name="epoch">Its name.</param>
    /// <param name="messages">How many messages ever are there.</param>
    /// <param name="revisions">Where it ends. It begins at revision 1.</param>
    /// <param name="before">What it goes on from; null: all counts are 0.</param>
    /// <param name="random">Chooses.</param>
    public RandomChain(string epoch, int messages, int revisions, RandomChain? before, Random random)
    {
        Epoch = epoch;
        for (var id = 1L; id <= messages; id++)
        {
            _truth[id] = [(1, before is null ? (0, 0) : before.At(id, before.Last).Counts)];
        }

        while (_changes.Count + 1 < revisions)
        {
            // Those that come and go often are the first ones.
            var share = random.Next(2) == 0 ? 2 : 100;
            _changes.Add([.. Enumerable.Range(1, messages).Where(id => random.Next(id <= messages / 10 ? 3 : share) == 0).Select(id => Change(id, (ulong)_changes.Count + 2, random))]);
        }
    }

    public string Epoch { get; }

    public ulong Last => (ulong)_changes.Count + 1;

    public IEnumerable<long> MessageIds => _truth.Keys;

    /// <summary>A store as of the first revision.</summary>
    public CountsStore Begin(int maxTombstones)
    {
        var table = new CountsTable();
        foreach (var (id, values) in _truth)
        {
            if (values[0].Counts is { } counts)
            {
                table.Set(id, new MessageCounts(counts.Retweets, counts.Likes, 1));
            }
        }

        var store = new CountsStore(maxTombstones);
        store.Restore(table, new Tombstones(maxTombstones), new CountsVersion(Epoch, 1, table.Count, Snapshot, 0));
        return store;
    }

    /// <summary>Brings a store to the next revision.</summary>
    public void Apply(CountsStore store) => store.Apply(_changes[(int)store.Version!.Revision - 1], Snapshot, 0, revision: store.Version.Revision + 1);

    /// <summary>A message's counts as of a revision, null if it is not there; and since when.</summary>
    public (ulong Since, (long Retweets, long Likes)? Counts) At(long messageId, ulong revision) => _truth[messageId].Last(value => value.Revision <= revision);

    /// <summary>The first revision after one, and up to another, with which a message went; 0: it did not.</summary>
    public ulong WentBetween(long messageId, ulong after, ulong upTo) =>
        _truth[messageId].FirstOrDefault(value => value.Counts is null && value.Revision > after && value.Revision <= upTo).Revision;

    private CountChange Change(long id, ulong revision, Random random)
    {
        var values = _truth[id];
        if (values[^1].Counts is not { } counts)
        {
            values.Add((revision, (1, 2)));
            return new CountChange(id, 1, 2, 1);
        }

        if (random.Next(3) == 0)
        {
            values.Add((revision, null));
            return new CountChange(id, -counts.Retweets, -counts.Likes, -1);
        }

        values.Add((revision, (counts.Retweets + 1, counts.Likes)));
        return new CountChange(id, 1, 0, 0);
    }
}
