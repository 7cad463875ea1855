using CacheService.Caching;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Messages;

/// <summary>Authors and texts of messages, read from the database when asked for and kept for a while. A changed text shows when its entry expires. Thread-safe.</summary>
internal sealed class MessageTexts(PostgresConnections connections, IOptions<LimitsOptions> limits) : IDisposable
{
    private const string Sql =
        "select u.uname, m.message, m.datetime from tweet.message m join tweet.users u using (userid) where m.messageid = $1";

    private readonly SingleFlightCache<long, MessageText?> _cache = new(limits.Value.CachedMessages, limits.Value.MessageExpiration);

    /// <summary>A message's text; null if there is no such message.</summary>
    /// <exception cref="NpgsqlException">The database could not be asked.</exception>
    public Task<MessageText?> GetAsync(long messageId, CancellationToken cancellationToken) => _cache.GetAsync(messageId, LoadAsync, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private async Task<MessageText?> LoadAsync(long messageId)
    {
        await using var command = connections.Pool.CreateCommand(Sql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = messageId });
        await using var reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() ? new MessageText(reader.GetString(0), reader.GetString(1), reader.GetDateTime(2)) : null;
    }
}
