using CacheService.Concurrency;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Reading;

/// <summary>Authors and texts of messages, read from the database when asked for and kept for a while. A changed text shows when its entry expires. Thread-safe.</summary>
internal sealed class TextCache(PostgresConnections connections, IOptions<LimitsOptions> limits) : IDisposable
{
    private readonly SingleFlightCache<long, MessageText?> _cache = new(limits.Value.CachedMessages, limits.Value.MessageExpiration);

    /// <summary>A message's text; null if there is no such message.</summary>
    /// <exception cref="NpgsqlException">The database could not be asked.</exception>
    /// <exception cref="ReadRefusedException">It is longer than <see cref="LimitsOptions.MaxTextBytes"/>.</exception>
    public Task<MessageText?> GetAsync(long messageId, CancellationToken cancellationToken) => _cache.GetAsync(messageId, LoadAsync, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private async Task<MessageText?> LoadAsync(long messageId, CancellationToken cancellationToken)
    {
        try
        {
            return await connections.ReadTextsAsync(connection => ReadAsync(connection, withTime: true), cancellationToken);
        }
        catch (PostgresException e) when (MessageTexts.IsAboutTime(e))
        {
            return await connections.ReadTextsAsync(connection => ReadAsync(connection, withTime: false), cancellationToken);
        }

        Task<MessageText?> ReadAsync(NpgsqlConnection connection, bool withTime) =>
            MessageTexts.ReadAsync(connection, messageId, limits.Value.MaxTextBytes, withTime, cancellationToken);
    }
}
