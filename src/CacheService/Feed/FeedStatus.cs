using CacheService.Counts;
using Microsoft.Extensions.Options;

namespace CacheService.Feed;

/// <summary>What is known of the feed: put together from its parts, for anybody to read. Thread-safe.</summary>
internal sealed class FeedStatus
{
    private readonly CountsStore _store;
    private readonly FeedProgress _progress;
    private readonly DrainLoop _loop;
    private readonly Hearing _hearing;
    private readonly NotificationQueue _queue;
    private readonly FeedOptions _options;
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private int _announced = (int)FeedState.Starting;

    public FeedStatus(CountsStore store, FeedProgress progress, DrainLoop loop, Hearing hearing, NotificationQueue queue, IOptions<FeedOptions> options, TimeProvider time)
    {
        _store = store;
        _progress = progress;
        _loop = loop;
        _hearing = hearing;
        _queue = queue;
        _options = options.Value;
        _time = time;
        _startedAt = time.GetTimestamp();
        progress.Changed += AnnounceState;
    }

    /// <summary>Raised when the state of <see cref="Condition"/> has changed, on any thread; some state in between may go unnoticed.</summary>
    public event Action? StateChanged;

    /// <summary>The condition. Counts older than <see cref="FeedOptions.StaleAfter"/> are STALE whatever the feed thinks of itself.</summary>
    public FeedCondition Condition => ConditionOf(_store.Version);

    /// <inheritdoc cref="FeedProgress.ServerVersion"/>
    public string ServerVersion => _progress.ServerVersion;

    /// <inheritdoc cref="DrainLoop.Consumer"/>
    public string Consumer => _loop.Consumer;

    /// <inheritdoc cref="Hearing.IsWorking"/>
    public bool NotificationsWorking => _hearing.IsWorking;

    /// <inheritdoc cref="DrainLoop.IsRinger"/>
    public bool IsRinger => _loop.IsRinger;

    /// <inheritdoc cref="DrainLoop.RingerTerm"/>
    public int RingerTerm => _loop.RingerTerm;

    /// <inheritdoc cref="FeedProgress.IsPublishing"/>
    public bool IsPublishing => _progress.IsPublishing;

    /// <summary>The used share of the server's notification queue, 0 to 1, as of the lease's last renewal.</summary>
    public double NotificationQueueUsage => _queue.Usage;

    /// <inheritdoc cref="DrainLoop.Drains"/>
    public long Drains => _loop.Drains;

    /// <inheritdoc cref="Hearing.Bells"/>
    public long Bells => _hearing.Bells;

    /// <summary>How long the service has been running.</summary>
    public TimeSpan Uptime => _time.GetElapsedTime(_startedAt);

    /// <summary>Whether the counts follow the database.</summary>
    public bool IsServing => Condition.State == FeedState.Live;

    /// <inheritdoc cref="FeedProgress.IsCycling"/>
    public bool IsCycling => _progress.IsCycling;

    /// <summary>The age of a version: an upper bound on how long ago the database may have begun to differ from it.</summary>
    public TimeSpan AgeOf(CountsVersion version) => AgeOf(version.TakenAt);

    /// <summary>The age of what was read at a snapshot that was taken after a <see cref="TimeProvider"/> timestamp.</summary>
    public TimeSpan AgeOf(long takenAt) => _time.GetElapsedTime(takenAt);

    /// <summary>The condition under which a version is served.</summary>
    public FeedCondition ConditionOf(CountsVersion? version)
    {
        var condition = _progress.Condition;
        if (version is null || condition.State != FeedState.Live)
        {
            return condition;
        }

        var age = AgeOf(version);
        return IsStale(age) ? new FeedCondition(FeedState.Stale, $"stale: the {(_options.Source == FeedSource.Nats ? "publisher" : "database")} has not answered for {age.TotalSeconds:F1} s") : condition;
    }

    /// <summary>The state in which counts of an age are served.</summary>
    public FeedState StateOf(TimeSpan age)
    {
        var state = _progress.Condition.State;
        return state == FeedState.Live && IsStale(age) ? FeedState.Stale : state;
    }

    /// <summary>Raises <see cref="StateChanged"/> if the state is another than last time.</summary>
    internal void AnnounceState()
    {
        var state = (int)Condition.State;
        if (Interlocked.Exchange(ref _announced, state) != state)
        {
            StateChanged?.Invoke();
        }
    }

    private bool IsStale(TimeSpan age) => age > _options.StaleAfter;
}
