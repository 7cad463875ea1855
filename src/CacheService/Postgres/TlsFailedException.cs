using Npgsql;

namespace CacheService.Postgres;

/// <summary>There is no TLS with a server, or none that can be trusted; the message says why.</summary>
internal sealed class TlsFailedException(string message, Exception innerException) : NpgsqlException(message, innerException);
