using CacheService.Concurrency;
using Microsoft.Extensions.Options;

namespace CacheService.Reading;

/// <summary>Authors and texts of messages, read when asked for and kept for a while. A changed text shows when its entry expires. Thread-safe.</summary>
internal sealed class TextCache(ITextSource source, IOptions<LimitsOptions> limits) : IDisposable
{
    private readonly SingleFlightCache<long, MessageText?> _cache = new(limits.Value.CachedMessages, limits.Value.MessageExpiration);

    /// <summary>A message's text; null if there is no such message.</summary>
    /// <exception cref="Npgsql.NpgsqlException">The database could not be asked.</exception>
    /// <exception cref="ReadRefusedException">It is longer than <see cref="LimitsOptions.MaxTextBytes"/>, or nobody can be asked.</exception>
    public Task<MessageText?> GetAsync(long messageId, CancellationToken cancellationToken) => _cache.GetAsync(messageId, source.ReadAsync, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();
}
