namespace CacheService.Auditing;

/// <summary>A range could not be compared, since the feed is not what it was when that began. Nothing follows of its counts.</summary>
internal sealed class RangeNotComparedException(string message) : Exception(message);
