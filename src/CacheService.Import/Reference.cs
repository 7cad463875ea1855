namespace CacheService.Import;

/// <summary>What rows of the table have to refer to.</summary>
/// <param name="Table">The table with the rows that are referred to.</param>
/// <param name="IsOwn">Whether that is the table itself, so that the row may stand in the same file: which has the columns that are referred to.</param>
/// <param name="From">The columns that refer, quoted.</param>
/// <param name="To">The columns that are referred to, quoted.</param>
/// <param name="Equal">The operators by which they are compared.</param>
internal sealed record Reference(string Table, bool IsOwn, string[] From, string[] To, string[] Equal)
{
    /// <summary>Whether one row refers to the other, in SQL.</summary>
    public string Same(string referred, string referring) =>
        string.Join(" and ", Enumerable.Range(0, From.Length).Select(place => $"{referred}.{To[place]} {Equal[place]} {referring}.{From[place]}"));
}
