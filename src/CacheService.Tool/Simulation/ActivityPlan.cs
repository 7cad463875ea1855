namespace CacheService.Tool.Simulation;

/// <summary>
/// Decides what is written next, and keeps count of what was. Never undoes more of a message than it knows to be
/// written. Safe for use by several clients at a time.
/// </summary>
internal sealed class ActivityPlan(int seed)
{
    private const double UndoShare = 0.15;
    private const double LikeShare = 0.6;

    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);
    private readonly Popularity _popularity = new();
    private readonly Dictionary<long, MessageTally> _tallies = [];
    private readonly long[] _written = new long[Enum.GetValues<ActivityKind>().Length];

    public int Messages
    {
        get
        {
            lock (_lock)
                return _popularity.Count;
        }
    }

    public void AddMessages(IEnumerable<long> messageIds)
    {
        lock (_lock)
        {
            foreach (var id in messageIds)
                _popularity.Add(id, _random);
        }
    }

    /// <summary>For a message that was deleted.</summary>
    public void Forget(long messageId)
    {
        lock (_lock)
        {
            _popularity.Remove(messageId);
            _tallies.Remove(messageId);
        }
    }

    /// <summary>Null while there are no messages.</summary>
    public Activity? Next()
    {
        lock (_lock)
        {
            if (_popularity.Count == 0)
                return null;

            // Always three draws, so that the same seed gives the same messages whatever became of the writes.
            var messageId = _popularity.At(_random.NextDouble());
            var like = _random.NextDouble() < LikeShare;
            var undo = _random.NextDouble() < UndoShare;

            undo = undo && _tallies.TryGetValue(messageId, out var tally) && (like ? tally.TryUndoLike() : tally.TryUndoRetweet());
            return new Activity(messageId, (like, undo) switch
            {
                (false, false) => ActivityKind.Retweet,
                (true, false) => ActivityKind.Like,
                (false, true) => ActivityKind.UndoRetweet,
                (true, true) => ActivityKind.UndoLike,
            });
        }
    }

    /// <summary>Call it when the database has confirmed the write.</summary>
    public void CountWritten(Activity activity)
    {
        lock (_lock)
        {
            _written[(int)activity.Kind]++;
            if (!_tallies.TryGetValue(activity.MessageId, out var tally))
                _tallies.Add(activity.MessageId, tally = new MessageTally());
            tally.CountWritten(activity.Kind);
        }
    }

    public long Written(ActivityKind kind)
    {
        lock (_lock)
            return _written[(int)kind];
    }

    /// <summary>The messages with the most writes, most first.</summary>
    public IReadOnlyList<HotMessage> Hottest(int count)
    {
        lock (_lock)
        {
            return [.. _tallies
                .OrderByDescending(t => t.Value.Written).ThenBy(t => t.Key)
                .Take(count)
                .Select(t => new HotMessage(t.Key, t.Value.Written, t.Value.Retweets, t.Value.Likes))];
        }
    }
}
