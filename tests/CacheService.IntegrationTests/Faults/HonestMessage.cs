namespace CacheService.IntegrationTests.Faults;

/// <summary>
/// A message to which one writer adds one retweet with each transaction, and nobody else anything: its count says which of them a reader
/// has seen. Thread-safe.
/// </summary>
internal sealed class HonestMessage(long id, long createdAt)
{
    private readonly Lock _lock = new();
    private readonly List<long> _commits = [];
    private int _begun;
    private volatile bool _isOver;

    public long Id => id;

    /// <summary>When the commit that created it had returned.</summary>
    public long CreatedAt => createdAt;

    /// <summary>Commits that were sent, whatever became of them: the count can never be higher.</summary>
    public int Begun => Volatile.Read(ref _begun);

    /// <summary>Whether its count may be lower than what its writer wrote.</summary>
    public bool IsOver => _isOver;

    /// <summary>Somebody else takes its activity away, from here on.</summary>
    public void End() => _isOver = true;

    public void BeginCommit() => Interlocked.Increment(ref _begun);

    /// <summary>A commit has returned.</summary>
    public void Committed(long at)
    {
        lock (_lock)
        {
            _commits.Add(at);
        }
    }

    /// <summary>How many commits had returned before a time: the count of a reader that knows everything until then can never be lower.</summary>
    public int CommittedBefore(long time)
    {
        lock (_lock)
        {
            var index = _commits.BinarySearch(time);
            return index >= 0 ? index : ~index;
        }
    }

    /// <summary>When the commit with a number, from 1, had returned.</summary>
    public long CommittedAt(int number)
    {
        lock (_lock)
        {
            return _commits[number - 1];
        }
    }
}
