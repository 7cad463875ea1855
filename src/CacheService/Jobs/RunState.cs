namespace CacheService.Jobs;

/// <summary>How a run is, or has ended. The database has these names in small letters.</summary>
internal enum RunState
{
    /// <summary>It is under way.</summary>
    Running,

    /// <summary>It has done all of its work.</summary>
    Succeeded,

    /// <summary>It has come to its end, and some items have failed.</summary>
    Incomplete,

    /// <summary>It has ended in an error.</summary>
    Failed,

    /// <summary>Somebody has stopped it; it can be resumed.</summary>
    Stopped,

    /// <summary>Somebody has ended it for good.</summary>
    Cancelled,

    /// <summary>Its service or its session was lost before its end.</summary>
    Lost,

    /// <summary>It has not begun; the detail says why.</summary>
    Skipped,
}

/// <summary>What made a run begin. The database has these names in small letters.</summary>
internal enum RunTrigger
{
    /// <summary>The schedule.</summary>
    Schedule,

    /// <summary>Somebody, by any API.</summary>
    Hand,

    /// <summary>It goes on where another one ended.</summary>
    Resume,

    /// <summary>It does once more from the beginning what another one has done.</summary>
    Restart,

    /// <summary>It tries again items of another one.</summary>
    Retry,
}

/// <summary>What a run is told to do. The database has these names in small letters.</summary>
internal enum StopKind
{
    /// <summary>To end, and be there to be resumed.</summary>
    Stop,

    /// <summary>To end for good.</summary>
    Cancel,
}
