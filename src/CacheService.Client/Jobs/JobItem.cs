namespace CacheService.Client.Jobs;

/// <summary>Something that a run has worked on.</summary>
/// <param name="Key">What it is called within its run.</param>
/// <param name="State">What became of it.</param>
/// <param name="Before">What it was, as JSON; empty: nothing.</param>
/// <param name="After">What it is now, as JSON; empty: nothing.</param>
/// <param name="Error">Why it failed, in words.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="At">When it was tried last.</param>
public sealed record JobItem(string Key, JobItemState State, string Before, string After, string Error, int Attempts, DateTimeOffset At);

/// <summary>What became of an item.</summary>
public enum JobItemState
{
    /// <summary>A state that this library does not know.</summary>
    Unknown,

    /// <summary>It is done.</summary>
    Done,

    /// <summary>It has failed.</summary>
    Failed,

    /// <summary>It has failed, and somebody has said that this is no matter.</summary>
    Ignored,
}
