namespace CacheService.Client;

/// <summary>A few seconds of a server.</summary>
public sealed record HistorySample
{
    /// <summary>When they ended.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>How long they were.</summary>
    public required TimeSpan Length { get; init; }

    /// <summary>Reads a second, over all protocols.</summary>
    public required double Reads { get; init; }

    /// <summary>Reads of the change log a second.</summary>
    public required double Drains { get; init; }

    /// <summary>Changes a second that those brought.</summary>
    public required double Changes { get; init; }

    /// <summary>The highest age of the counts that was seen; null: nothing was loaded yet.</summary>
    public required TimeSpan? Age { get; init; }

    /// <summary>Open watches, at the end.</summary>
    public required long Watchers { get; init; }

    /// <summary>The last state that was not live; live if none was.</summary>
    public required FeedState State { get; init; }
}
