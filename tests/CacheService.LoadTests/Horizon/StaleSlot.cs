using CacheService.LoadTests.Machine;
using Npgsql;

namespace CacheService.LoadTests.Horizon;

/// <summary>A replication slot of a standby that has died while somebody read there: the server keeps what that reader would still need, until the slot is dropped.</summary>
internal sealed class StaleSlot : IAsyncDisposable
{
    private const string Name = "loadtest_horizon";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    private readonly LoadDatabase _database;

    private StaleSlot(LoadDatabase database) => _database = database;

    /// <summary>Makes the slot and the standby, and has that end.</summary>
    /// <param name="program">pg_basebackup.</param>
    /// <param name="server">The primary.</param>
    /// <param name="database">A database of it.</param>
    /// <param name="folder">Where the standby's data goes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<IAsyncDisposable> BeginAsync(string program, LoadTestServer server, LoadDatabase database, string folder, CancellationToken cancellationToken)
    {
        await database.ExecuteAsync($"select pg_create_physical_replication_slot('{Name}', true)", cancellationToken);
        await using (var standby = await server.StartStandbyAsync(program, Name, folder, cancellationToken))
        {
            // Without a pool, which would ask a connection that has died to be tidied up.
            await using var reader = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(standby.ConnectionString) { Database = database.Name, Pooling = false }.ConnectionString);
            await reader.OpenAsync(cancellationToken);
            await using var read = new NpgsqlCommand("begin isolation level repeatable read; select count(*) from tweet.users", reader);
            await read.ExecuteNonQueryAsync(cancellationToken);
            while (!await database.QueryAsync<bool>($"select xmin is not null from pg_replication_slots where slot_name = '{Name}'", cancellationToken))
            {
                await Task.Delay(Poll, cancellationToken);
            }

            await standby.StopAtOnceAsync();
        }

        return new StaleSlot(database);
    }

    public async ValueTask DisposeAsync() => await _database.ExecuteAsync($"select pg_drop_replication_slot('{Name}')", CancellationToken.None);
}
