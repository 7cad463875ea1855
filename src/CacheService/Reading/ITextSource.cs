using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Reading;

/// <summary>Where authors and texts of messages are.</summary>
internal interface ITextSource
{
    /// <summary>Reads one; null if there is no such message.</summary>
    Task<MessageText?> ReadAsync(long messageId, CancellationToken cancellationToken);
}

/// <summary>Reads them from the database.</summary>
internal sealed class PostgresTexts(PostgresConnections connections, IOptions<LimitsOptions> limits) : ITextSource
{
    /// <inheritdoc/>
    public async Task<MessageText?> ReadAsync(long messageId, CancellationToken cancellationToken)
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
