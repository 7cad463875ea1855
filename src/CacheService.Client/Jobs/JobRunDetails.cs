namespace CacheService.Client.Jobs;

/// <summary>A run with what it did one by one.</summary>
public sealed record JobRunDetails
{
    /// <summary>The run.</summary>
    public required JobRun Run { get; init; }

    /// <summary>Its items, those that failed first; as many as were asked for.</summary>
    public required IReadOnlyList<JobItem> Items { get; init; }

    /// <summary>How many items have failed.</summary>
    public required long FailedItems { get; init; }

    /// <summary>How many items there are.</summary>
    public required long AllItems { get; init; }

    /// <summary>What it has logged: up to a thousand lines.</summary>
    public required IReadOnlyList<JobLogLine> Log { get; init; }

    /// <summary>The names of what it has made, such as reports.</summary>
    public required IReadOnlyList<string> Outputs { get; init; }
}

/// <summary>A line of a run's log.</summary>
/// <param name="Line">Its number, from 1.</param>
/// <param name="At">When it was written, by the server's clock.</param>
/// <param name="Text">What it says.</param>
public sealed record JobLogLine(int Line, DateTimeOffset At, string Text);
