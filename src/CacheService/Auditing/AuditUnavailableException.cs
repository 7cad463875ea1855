namespace CacheService.Auditing;

/// <summary>An audit could not be made now; the message says why.</summary>
internal sealed class AuditUnavailableException(string message, Exception? innerException = null) : Exception(message, innerException);
