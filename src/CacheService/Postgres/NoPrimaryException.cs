using Npgsql;

namespace CacheService.Postgres;

/// <summary>Of several hosts none is a primary.</summary>
internal sealed class NoPrimaryException(string message, IReadOnlyList<Exception?> errors) : NpgsqlException(message)
{
    /// <summary>What each host's attempt ended in; null for a standby.</summary>
    public IReadOnlyList<Exception?> Errors { get; } = errors;
}
