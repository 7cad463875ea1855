namespace CacheService.Jobs;

/// <summary>Somebody wants a run.</summary>
internal sealed record StartOrder
{
    /// <summary>Who asks.</summary>
    public required string By { get; init; }

    public RunTrigger Trigger { get; init; } = RunTrigger.Hand;

    /// <summary>The run that is resumed, restarted or retried.</summary>
    public RunRow? Of { get; init; }

    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    public bool IsDryRun { get; init; }

    /// <summary>Who asks again with the same key gets the same run; empty: none.</summary>
    public string Key { get; init; } = "";

    /// <summary>The keys of the items that are to be tried again.</summary>
    public IReadOnlyList<string> RetryItems { get; init; } = [];
}
