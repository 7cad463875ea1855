namespace CacheService.Reading;

/// <summary>What a message says, who wrote it, and when.</summary>
/// <param name="Author">Empty where there is none.</param>
/// <param name="Text">Empty where there is none.</param>
/// <param name="PostedAt">In microseconds since 1970, UTC; null where there is no time, or none between the years 1 and 9999.</param>
internal sealed record MessageText(string Author, string Text, long? PostedAt);
