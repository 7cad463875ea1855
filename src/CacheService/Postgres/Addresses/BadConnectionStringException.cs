namespace CacheService.Postgres.Addresses;

/// <summary>A connection string is of no use. The message says why, and repeats no part of it that may be a secret.</summary>
internal sealed class BadConnectionStringException(string message) : Exception(message);
