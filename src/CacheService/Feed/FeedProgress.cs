using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>How far the feed has come, as the feed itself knows it. Thread-safe; only the feed moves it.</summary>
internal sealed class FeedProgress(CountsStore store, TimeProvider time)
{
    /// <summary>More than enough for the statements of a new session, each of which has its own timeout.</summary>
    public static readonly TimeSpan Opening = TimeSpan.FromMinutes(1);

    private FeedCondition _condition = new(FeedState.Starting, "starting: connecting to the database");
    private bool _isPublishing;
    private long _stepUntil = time.GetTimestamp();

    /// <summary>Raised when <see cref="Condition"/> has changed, by who changes it.</summary>
    public event Action? Changed;

    /// <summary>The condition, whatever the age of the counts.</summary>
    public FeedCondition Condition => Volatile.Read(ref _condition);

    /// <summary>The server's version, as it names it; empty before the first connection.</summary>
    public string ServerVersion { get; private set; } = "";

    /// <summary>Whether others follow what this cache publishes.</summary>
    public bool IsPublishing
    {
        get => Volatile.Read(ref _isPublishing);
        set => Volatile.Write(ref _isPublishing, value);
    }

    /// <summary>Whether the feed goes on from step to step, be they successful or not: a database that is away is no reason to replace the service.</summary>
    public bool IsCycling => time.GetTimestamp() <= Volatile.Read(ref _stepUntil);

    /// <summary>The feed begins something that ends within a time, one way or the other.</summary>
    public void BeginStep(TimeSpan limit)
    {
        // A busy machine, and the statements around the one that the limit is for.
        var slack = TimeSpan.FromSeconds(30);
        Volatile.Write(ref _stepUntil, time.GetTimestamp() + (long)((limit + slack).TotalSeconds * time.TimestampFrequency));
    }

    /// <summary>The feed has reached a server.</summary>
    public void NoteServer(string version) => ServerVersion = version;

    /// <summary>The counts follow the database.</summary>
    public void BecomeLive()
    {
        if (Condition.State != FeedState.Live)
        {
            Volatile.Write(ref _condition, new FeedCondition(FeedState.Live, ""));
            Changed?.Invoke();
        }
    }

    /// <summary>The feed is down or synchronizing: STALE if there are counts to serve, else the given state.</summary>
    /// <param name="stateWithoutCounts">The state if there are none.</param>
    /// <param name="reason">Why.</param>
    /// <param name="isForEverybody">See <see cref="FeedCondition"/>.</param>
    public void BecomeNotLive(FeedState stateWithoutCounts, string reason, bool isForEverybody = false)
    {
        var state = store.Version is null ? stateWithoutCounts : FeedState.Stale;
        Volatile.Write(ref _condition, new FeedCondition(state, $"{StateName(state)}: {reason}", isForEverybody));
        Changed?.Invoke();
    }

    private static string StateName(FeedState state) => state switch
    {
        FeedState.Starting => "starting",
        FeedState.Syncing => "syncing",
        _ => "stale",
    };
}
