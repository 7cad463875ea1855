namespace CacheService.Import;

/// <summary>A row of a file.</summary>
/// <param name="Line">The line on which it begins; the first line of the file is 1.</param>
/// <param name="Values">Its values; null where there is nothing at all between two separators.</param>
internal sealed record CsvRow(long Line, string?[] Values)
{
    public bool IsBlank => Values is [null];
}
