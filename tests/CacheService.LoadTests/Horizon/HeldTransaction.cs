using CacheService.LoadTests.Machine;
using Npgsql;

namespace CacheService.LoadTests.Horizon;

/// <summary>A transaction that somebody has forgotten: it has a snapshot, and has written a row. It is committed when it is disposed.</summary>
internal sealed class HeldTransaction : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;

    private HeldTransaction(NpgsqlConnection connection) => _connection = connection;

    public static async Task<IAsyncDisposable> BeginAsync(LoadDatabase database, CancellationToken cancellationToken)
    {
        var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("begin isolation level repeatable read; insert into tweet.activity (messageid, action) values (1, 'fav')", connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return new HeldTransaction(connection);
    }

    public async ValueTask DisposeAsync()
    {
        await using (var commit = new NpgsqlCommand("commit", _connection))
            await commit.ExecuteNonQueryAsync();

        await _connection.DisposeAsync();
    }
}
