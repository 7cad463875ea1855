namespace CacheService.Import;

/// <summary>What an import did, or would do.</summary>
internal sealed record ImportSummary
{
    public long Load { get; init; }

    public required string Table { get; init; }

    public required DateTimeOffset AsOf { get; init; }

    /// <summary>Rows of the file.</summary>
    public long Read { get; init; }

    /// <summary>Rows that the table has as they are.</summary>
    public long Same { get; init; }

    public long Updated { get; init; }

    public long Inserted { get; init; }

    /// <summary>Rows of the table that the file does not have.</summary>
    public long Deleted { get; init; }

    /// <summary>Rows that a file of a later date had merged before, and which stay as that has them.</summary>
    public long Superseded { get; init; }

    public long Rejected { get; init; }

    /// <summary>Whether it went on where an earlier try had ended.</summary>
    public bool IsResumed { get; init; }

    /// <summary>Whether the file had been loaded before, so that there was nothing to do.</summary>
    public bool WasLoaded { get; init; }

    /// <summary>What else there is to say.</summary>
    public string Note { get; init; } = "";

    /// <summary>The table's columns that the file has, in its order.</summary>
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>What could not be taken.</summary>
    public required IReadOnlyList<RejectedRow> Rejects { get; init; }
}

/// <summary>A row that could not be taken.</summary>
/// <param name="Line">Its line of the file; null: a row of the table that could not be deleted.</param>
/// <param name="Error">Why.</param>
/// <param name="Row">Its values, as JSON.</param>
internal sealed record RejectedRow(long? Line, string Error, string Row);
