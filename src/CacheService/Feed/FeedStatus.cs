using CacheService.Counts;
using Microsoft.Extensions.Options;

namespace CacheService.Feed;

/// <summary>What is known of the feed. Written by the feed, read by anybody; thread-safe.</summary>
internal sealed class FeedStatus(CountsStore store, IOptions<FeedOptions> options, TimeProvider time)
{
    private FeedCondition _condition = new(FeedState.Starting, "starting: connecting to the database");
    private readonly long _startedAt = time.GetTimestamp();
    private long _stepUntil = time.GetTimestamp();
    private long _drains;
    private long _bells;
    private int _announced = (int)FeedState.Starting;

    /// <summary>Raised when the state of <see cref="Condition"/> has changed, on any thread; some state in between may go unnoticed.</summary>
    public event Action? StateChanged;

    /// <summary>The condition. Counts older than <see cref="FeedOptions.StaleAfter"/> are STALE whatever the feed thinks of itself.</summary>
    public FeedCondition Condition => ConditionOf(store.Version);

    /// <summary>The server's version, as it names it; empty before the first connection.</summary>
    public string ServerVersion { get; internal set; } = "";

    /// <summary>The name under which the drains of now are registered; empty before the first.</summary>
    public string Consumer { get; internal set; } = "";

    /// <summary>Whether a notification of the listener's own came back.</summary>
    public bool NotificationsWorking { get; internal set; }

    /// <summary>Whether this cache is the one that notifications wake.</summary>
    public bool IsRinger { get; internal set; }

    /// <summary>The used share of the server's notification queue, 0 to 1, as of the lease's last renewal.</summary>
    public double NotificationQueueUsage { get; internal set; }

    /// <summary>Reads of the change log since the start.</summary>
    public long Drains => Volatile.Read(ref _drains);

    /// <summary>Notifications heard since the start.</summary>
    public long Bells => Volatile.Read(ref _bells);

    /// <summary>How long the service has been running.</summary>
    public TimeSpan Uptime => time.GetElapsedTime(_startedAt);

    /// <summary>Whether the counts follow the database.</summary>
    public bool IsServing => Condition.State == FeedState.Live;

    /// <summary>Whether the feed goes on from step to step, be they successful or not: a database that is away is no reason to replace the service.</summary>
    public bool IsCycling => time.GetTimestamp() <= Volatile.Read(ref _stepUntil);

    /// <summary>The age of a version: an upper bound on how long ago the database may have begun to differ from it.</summary>
    public TimeSpan AgeOf(CountsVersion version) => time.GetElapsedTime(version.TakenAt);

    /// <summary>The condition under which a version is served.</summary>
    public FeedCondition ConditionOf(CountsVersion? version)
    {
        var condition = Volatile.Read(ref _condition);
        if (version is null || condition.State != FeedState.Live)
        {
            return condition;
        }

        var age = AgeOf(version);
        return IsStale(age) ? new FeedCondition(FeedState.Stale, $"stale: the database has not answered for {age.TotalSeconds:F1} s") : condition;
    }

    /// <summary>The state in which counts of an age are served.</summary>
    public FeedState StateOf(TimeSpan age)
    {
        var state = Volatile.Read(ref _condition).State;
        return state == FeedState.Live && IsStale(age) ? FeedState.Stale : state;
    }

    internal void BecomeLive()
    {
        if (Volatile.Read(ref _condition).State != FeedState.Live)
        {
            Volatile.Write(ref _condition, new FeedCondition(FeedState.Live, ""));
            AnnounceState();
        }
    }

    /// <summary>The feed is down or synchronizing: STALE if there are counts to serve, else the given state.</summary>
    /// <param name="stateWithoutCounts">The state if there are none.</param>
    /// <param name="reason">Why.</param>
    /// <param name="isForEverybody">See <see cref="FeedCondition"/>.</param>
    internal void BecomeNotLive(FeedState stateWithoutCounts, string reason, bool isForEverybody = false)
    {
        var state = store.Version is null ? stateWithoutCounts : FeedState.Stale;
        Volatile.Write(ref _condition, new FeedCondition(state, $"{StateName(state)}: {reason}", isForEverybody));
        AnnounceState();
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

    /// <summary>The feed begins something that ends within a time, one way or the other.</summary>
    internal void BeginStep(TimeSpan limit)
    {
        // A busy machine, and the statements around the one that the limit is for.
        var slack = TimeSpan.FromSeconds(30);
        Volatile.Write(ref _stepUntil, time.GetTimestamp() + (long)((limit + slack).TotalSeconds * time.TimestampFrequency));
    }

    internal void CountDrain() => Interlocked.Increment(ref _drains);

    internal void CountBell() => Interlocked.Increment(ref _bells);

    private bool IsStale(TimeSpan age) => age > options.Value.StaleAfter;

    private static string StateName(FeedState state) => state switch
    {
        FeedState.Starting => "starting",
        FeedState.Syncing => "syncing",
        _ => "stale",
    };
}
