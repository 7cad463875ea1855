namespace CacheService.LoadTests;

/// <summary>The load test cannot go on; the message says why, in a line or a few.</summary>
internal sealed class LoadTestException(string message, Exception? cause = null) : Exception(message, cause);
