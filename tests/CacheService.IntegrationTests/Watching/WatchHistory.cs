namespace CacheService.IntegrationTests.Watching;

/// <summary>
/// Checks what a subscriber is told against what was true, message by message (after the watch guarantees that etcd documents and tests): revisions of a
/// message grow, strictly, so nothing is told twice, removals included, but for what a stream that was cut off had told after its last progress; no counts are
/// told that it never had; progress is honest: at revision R the subscriber knows every watched message as of R, or later; and in the end it knows the
/// last state.
/// </summary>
internal sealed class WatchHistory(TruthLog truth, IReadOnlyCollection<long>? watched)
{
    private readonly Dictionary<long, (ulong Revision, long Retweets, long Likes)> _held = [];
    private readonly Dictionary<long, ulong> _lastRevisions = [];

    // With the last progress before it was told.
    private readonly Dictionary<long, ulong> _removed = [];
    private readonly List<string> _violations = [];
    private bool _mustReset = true;

    // What was told after the last progress, and of that what a stream that was cut off had told.
    private readonly HashSet<long> _sinceProgress = [];
    private readonly HashSet<long> _mayBeTwice = [];

    /// <summary>What went wrong so far.</summary>
    public IReadOnlyList<string> Violations => _violations;

    /// <summary>How much was told.</summary>
    public int Messages { get; private set; }

    public long Coalesced { get; private set; }

    public int Resets { get; private set; }

    /// <summary>Whether the initial state is complete.</summary>
    public bool IsSynced { get; private set; }

    /// <summary>The last progress, to resume from; null while there is none.</summary>
    public (string Epoch, ulong Revision)? Progress { get; private set; }

    /// <summary>A new stream follows, which resumes or begins anew.</summary>
    public void BeginStream(bool resumes)
    {
        IsSynced = false;
        _mustReset = !resumes;
        _mayBeTwice.UnionWith(_sinceProgress);
    }

    /// <summary>Takes what the subscriber is told next.</summary>
    public void Take(Told told)
    {
        Messages++;
        Coalesced += told.Coalesced;
        if (told.IsReset)
        {
            Resets++;
            IsSynced = false;
            _held.Clear();
            _removed.Clear();
            _mayBeTwice.UnionWith(_lastRevisions.Keys);
        }
        else if (_mustReset)
        {
            _violations.Add("a fresh stream began without a reset");
        }

        _mustReset = false;
        foreach (var (messageId, revision, retweets, likes) in told.Counts)
        {
            TakeCounts(messageId, revision, retweets, likes);
        }

        foreach (var messageId in told.Removed)
        {
            TakeRemoval(messageId);
        }

        IsSynced |= told.IsSynced;
        if (IsSynced && told.Progress is { } progress)
        {
            CheckProgress(progress.Revision);
            if (progress != Progress)
            {
                _sinceProgress.Clear();
                _mayBeTwice.Clear();
            }

            Progress = progress;
        }
    }

    /// <summary>Whether the subscriber knows the state as of a revision.</summary>
    public bool Knows(ulong revision) => IsSynced && Progress is { } progress && progress.Revision >= revision && Watched.All(messageId => HoldsAsOf(messageId, revision));

    private IEnumerable<long> Watched => watched ?? (IEnumerable<long>)truth.MessageIds;

    private void TakeCounts(long messageId, ulong revision, long retweets, long likes)
    {
        if (_lastRevisions.TryGetValue(messageId, out var last) && (revision < last || (revision == last && !_mayBeTwice.Contains(messageId))))
        {
            _violations.Add(revision < last ? $"message {messageId} went back from revision {last} to {revision}" : $"message {messageId} is told twice at revision {revision}");
        }

        if (!truth.WasTrue(messageId, revision, retweets, likes))
        {
            _violations.Add($"message {messageId} never had {retweets} retweets and {likes} likes at revision {revision}");
        }

        _lastRevisions[messageId] = revision;
        _held[messageId] = (revision, retweets, likes);
        _removed.Remove(messageId);
        _sinceProgress.Add(messageId);
        _mayBeTwice.Remove(messageId);
    }

    private void TakeRemoval(long messageId)
    {
        _held.Remove(messageId);

        // Where a stream resumes, or has fallen far behind, a message that has come and gone again since is told to be gone once more.
        if (!_removed.TryAdd(messageId, Progress?.Revision ?? 0) && IsSynced && !_mayBeTwice.Contains(messageId) && !HasGoneTwice(messageId))
        {
            _violations.Add($"message {messageId} is told twice to be gone");
        }

        _sinceProgress.Add(messageId);
        _mayBeTwice.Remove(messageId);
    }

    /// <summary>Whether a message has gone more than once since the progress that the subscriber had when it was first told so.</summary>
    private bool HasGoneTwice(long messageId)
    {
        truth.WaitForWhatIsTold();
        return truth.WentAfter(messageId, _removed[messageId]) > 1;
    }

    private void CheckProgress(ulong revision)
    {
        truth.WaitFor(revision);
        var differing = Watched.Where(messageId => !HoldsAsOf(messageId, revision)).ToList();
        if (differing.Count > 0)
        {
            // A message that went just now may be told as gone before that is noted.
            truth.WaitForWhatIsTold();
        }

        foreach (var messageId in differing.Where(messageId => !HoldsAsOf(messageId, revision)))
        {
            var holds = _held.TryGetValue(messageId, out var held) ? $"revision {held.Revision}" : "nothing";
            _violations.Add($"progress {revision}, but of message {messageId} the subscriber holds {holds}, and the truth is of {truth.AsOf(messageId, revision).Since}");
        }
    }

    private bool HoldsAsOf(long messageId, ulong revision)
    {
        var (since, value) = truth.AsOf(messageId, revision);
        return _held.TryGetValue(messageId, out var held)
            ? held.Revision >= since && (value is not null || held.Revision > since)
            : value is null || truth.WentAfter(messageId, revision) > 0;
    }

    /// <summary>What one message of the stream says.</summary>
    internal sealed record Told(
        IReadOnlyList<(long MessageId, ulong Revision, long Retweets, long Likes)> Counts,
        IReadOnlyList<long> Removed,
        bool IsReset,
        bool IsSynced,
        long Coalesced,
        (string Epoch, ulong Revision)? Progress);
}
