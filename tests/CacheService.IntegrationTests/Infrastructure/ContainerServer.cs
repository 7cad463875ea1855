using Testcontainers.PostgreSql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>PostgreSQL in a container; compiled with -p:UseTestcontainers=true only.</summary>
internal sealed class ContainerServer : IAsyncDisposable
{
    private readonly PostgreSqlContainer _container = new PostgreSqlBuilder()
        .WithImage("postgres:17-alpine")
        .WithCommand("-c", "fsync=off", "-c", "max_connections=200", "-c", "max_prepared_transactions=0")
        .Build();

    /// <summary>Returns the connection string of a superuser.</summary>
    public async Task<string> StartAsync()
    {
        await _container.StartAsync();
        return _container.GetConnectionString();
    }

    public ValueTask DisposeAsync() => _container.DisposeAsync();
}
