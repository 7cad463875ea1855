using Npgsql;

namespace CacheService.Tool.Database;

/// <summary>The server does not answer, which may pass; the message says which server, and how it was found.</summary>
internal sealed class DatabaseUnreachableException(string message, Exception? innerException = null) : NpgsqlException(message, innerException);
