namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Something that a trial has done to its database.</summary>
/// <param name="Number">From 1.</param>
/// <param name="What">In words, or in SQL.</param>
/// <param name="EndedAt">When it had been done; null while it is under way.</param>
internal sealed record Change(int Number, string What, long? EndedAt);
