namespace CacheService.Counts;

/// <summary>A message that went, and the revision with which it did.</summary>
internal readonly record struct RemovedMessage(long MessageId, ulong Revision);
