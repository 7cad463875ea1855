using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Shuts a database to new connections, and ends the service's old ones.</summary>
internal sealed class TestDatabaseGate(TestDatabase database) : IAsyncDisposable
{
    /// <summary>No new connection to the database until this is disposed.</summary>
    public async Task<TestDatabaseGate> CloseAsync()
    {
        await OnServerAsync($"alter database {database.Name} allow_connections false");
        return this;
    }

    /// <summary>Ends the service's connections, or only the one for a purpose: "listener", "reader" or "pool".</summary>
    public async Task TerminateServiceAsync(string purpose = "%")
    {
        await OnServerAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.Name}' and application_name like 'CacheService {purpose} %'");
    }

    public async ValueTask DisposeAsync() => await OnServerAsync($"alter database {database.Name} allow_connections true");

    private static async Task OnServerAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(TestServer.ConnectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(sql);
    }
}
