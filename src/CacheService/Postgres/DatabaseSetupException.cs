namespace CacheService.Postgres;

/// <summary>The database cannot be used as it is; the message says what is missing and what to do.</summary>
internal sealed class DatabaseSetupException(string message, Exception? cause = null) : Exception(message, cause);
