namespace CacheService.Metrics;

/// <summary>How the run of a job ended.</summary>
internal enum RunOutcome
{
    /// <summary>It has done all of its work.</summary>
    Succeeded,

    /// <summary>It has come to its end, and some items have failed.</summary>
    Incomplete,

    /// <summary>It has ended in an error.</summary>
    Failed,

    /// <summary>Somebody has stopped it.</summary>
    Stopped,

    /// <summary>Somebody has ended it for good.</summary>
    Cancelled,

    /// <summary>Its service or its session was lost before its end.</summary>
    Lost,

    /// <summary>It has not begun: the job was still running, or paused, or no service was free.</summary>
    Skipped,
}
