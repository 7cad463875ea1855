namespace CacheService.Import;

/// <summary>A column of the table.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Quoted">Its name as SQL has it.</param>
/// <param name="IsNotNull">Whether it may not be NULL.</param>
/// <param name="HasDefault">Whether a row may be inserted without it.</param>
/// <param name="IsWritten">Whether statements may write to it; the database makes the others itself.</param>
/// <param name="Comparing">What has its value compared exactly.</param>
internal sealed record TargetColumn(string Name, string Quoted, bool IsNotNull, bool HasDefault, bool IsWritten, string Comparing);
