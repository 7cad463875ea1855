namespace CacheService.Client.Jobs;

/// <summary>How a run is, or has ended.</summary>
public enum JobRunState
{
    /// <summary>A state that this library does not know.</summary>
    Unknown,

    /// <summary>It is under way.</summary>
    Running,

    /// <summary>It has done all of its work.</summary>
    Succeeded,

    /// <summary>It has come to its end, and some items have failed.</summary>
    Incomplete,

    /// <summary>An error ended it.</summary>
    Failed,

    /// <summary>Somebody has stopped it; it can be resumed.</summary>
    Stopped,

    /// <summary>Somebody has ended it for good.</summary>
    Cancelled,

    /// <summary>Its server or its session was lost. It is resumed by itself, where its job is.</summary>
    Lost,

    /// <summary>It did not begin; the detail says why.</summary>
    Skipped,
}
