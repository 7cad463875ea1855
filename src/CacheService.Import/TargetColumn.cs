namespace CacheService.Import;

/// <summary>A column of the table.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Quoted">Its name as SQL has it.</param>
/// <param name="IsNotNull">Whether it may not be NULL.</param>
/// <param name="IsWritten">Whether statements may write to it; the database makes the others itself.</param>
/// <param name="Comparing">What has its value compared exactly.</param>
internal sealed record TargetColumn(string Name, string Quoted, bool IsNotNull, bool IsWritten, string Comparing);
