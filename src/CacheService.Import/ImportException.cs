namespace CacheService.Import;

/// <summary>A file is not taken, or not on; the message says why and what to do. Where nothing else is said, the table has not been touched.</summary>
internal sealed class ImportException(string message, Exception? innerException = null) : Exception(message, innerException);
