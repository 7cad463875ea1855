using Testcontainers.PostgreSql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>PostgreSQL in a container of Docker's.</summary>
/// <param name="image">Such as <c>postgres:17-alpine</c>.</param>
internal sealed class ContainerServer(string image) : IAsyncDisposable
{
    private readonly PostgreSqlContainer _container = new PostgreSqlBuilder(image)
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
