namespace CacheService.Import;

/// <summary>A column of the table.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Quoted">Its name as SQL has it.</param>
/// <param name="Type">Its type, as SQL has it, without its length.</param>
/// <param name="IsNotNull">Whether it may not be NULL.</param>
/// <param name="IsNeeded">Whether nothing but the file can give it a value in a new row.</param>
/// <param name="IsWritten">Whether statements may write to it; the database makes the others itself.</param>
/// <param name="Comparing">What has its value compared exactly.</param>
internal sealed record TargetColumn(string Name, string Quoted, string Type, bool IsNotNull, bool IsNeeded, bool IsWritten, string Comparing);

/// <summary>A column of the key.</summary>
/// <param name="Quoted">Its name as SQL has it.</param>
/// <param name="Equal">The operator by which its unique index knows one value for another. It is named with its schema, because the session may not look for operators there.</param>
internal sealed record KeyColumn(string Quoted, string Equal);
