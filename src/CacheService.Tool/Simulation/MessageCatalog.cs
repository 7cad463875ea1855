using CacheService.Tool.Database;
using Npgsql;

namespace CacheService.Tool.Simulation;

/// <summary>Reads which messages there are, over a connection of its own.</summary>
internal sealed class MessageCatalog(DatabaseLocation database) : IAsyncDisposable
{
    // Messages further down are drawn so seldom that nobody would see it.
    private const int MaxMessages = 100_000;

    // Ids are drawn before the commit, so a message can appear behind higher ids.
    private const int Overlap = 1_000;

    private NpgsqlConnection? _connection;
    private long _highest;

    /// <summary>The newest messages at the first call, then at least all that are new.</summary>
    public async Task<IReadOnlyList<long>> ReadIdsAsync(CancellationToken cancellation)
    {
        var ids = await QueryAsync(
            $"select messageid from tweet.message where messageid > $1 order by messageid desc limit {MaxMessages}",
            new NpgsqlParameter<long> { TypedValue = _highest - Overlap },
            row => row.GetInt64(0),
            cancellation);
        if (ids is [var newest, ..])
            _highest = Math.Max(_highest, newest);
        return ids;
    }

    /// <summary>Author and text of some messages.</summary>
    public async Task<IReadOnlyList<(long Id, string Author, string Text)>> DescribeAsync(long[] messageIds, CancellationToken cancellation) =>
        await QueryAsync(
            "select m.messageid, u.uname, left(m.message, 200) from tweet.message m join tweet.users u using (userid) where m.messageid = any ($1)",
            new NpgsqlParameter<long[]> { TypedValue = messageIds },
            row => (row.GetInt64(0), row.GetString(1), row.GetString(2)),
            cancellation);

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
        _connection = null;
    }

    private async Task<IReadOnlyList<T>> QueryAsync<T>(
        string sql, NpgsqlParameter parameter, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        try
        {
            _connection ??= await database.OpenAsync(cancellation);
            await using var command = new NpgsqlCommand(sql, _connection);
            command.Parameters.Add(parameter);
            await using var rows = await command.ExecuteReaderAsync(cancellation);
            var result = new List<T>();
            while (await rows.ReadAsync(cancellation))
                result.Add(read(rows));
            return result;
        }
        catch
        {
            // The next call starts with a fresh connection, whatever became of this one.
            await DisposeAsync();
            throw;
        }
    }
}
