using Npgsql;

namespace CacheService.Postgres;

/// <summary>The service's connections to its database, all to the primary.</summary>
internal sealed class PostgresConnections(DatabaseAddress address) : IAsyncDisposable
{
    private const int KeepAliveSeconds = 5;
    private const int PoolSize = 10;

    private readonly Lazy<NpgsqlDataSource> _pool = new(() => CreatePool(address));

    /// <summary>Pooled connections for short statements.</summary>
    public NpgsqlDataSource Pool => _pool.Value;

    /// <summary>Opens a connection that only listens. Without keep-alive it would not notice a half-open connection.</summary>
    public Task<NpgsqlConnection> OpenListenerAsync(CancellationToken cancellationToken) =>
        OpenUnpooledAsync(Builder(address, "listener", builder => builder.KeepAlive = KeepAliveSeconds), cancellationToken);

    /// <summary>Opens a connection that reads the change log and holds locks.</summary>
    /// <param name="commandTimeout">After it a statement counts as failed.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public Task<NpgsqlConnection> OpenReaderAsync(TimeSpan commandTimeout, CancellationToken cancellationToken) =>
        OpenUnpooledAsync(Builder(address, "reader", builder => builder.CommandTimeout = (int)commandTimeout.TotalSeconds), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_pool.IsValueCreated)
        {
            await _pool.Value.DisposeAsync();
        }
    }

    private static NpgsqlDataSource CreatePool(DatabaseAddress address)
    {
        var settings = Builder(address, "pool", builder =>
        {
            builder.MaxPoolSize = PoolSize;
            builder.KeepAlive = KeepAliveSeconds;
            builder.NoResetOnClose = true;
        });
        var pool = new NpgsqlDataSourceBuilder(settings.ConnectionString);

        // A snapshot for each statement, whatever the role's default: what follows a lock in twcache's functions must see what was committed before it.
        const string ReadCommitted = "set default_transaction_isolation = 'read committed'";
        pool.UsePhysicalConnectionInitializer(
            connection =>
            {
                using var command = new NpgsqlCommand(ReadCommitted, connection);
                command.ExecuteNonQuery();
            },
            async connection =>
            {
                await using var command = new NpgsqlCommand(ReadCommitted, connection);
                await command.ExecuteNonQueryAsync();
            });
        return pool.Build();
    }

    private static NpgsqlConnectionStringBuilder Builder(DatabaseAddress address, string purpose, Action<NpgsqlConnectionStringBuilder> configure)
    {
        var builder = new NpgsqlConnectionStringBuilder(address.ConnectionString);
        builder.ApplicationName = $"{builder.ApplicationName ?? "CacheService"} {purpose}";
        configure(builder);
        return builder;
    }

    // A connection that has listened or holds locks must never come back out of a pool.
    private static async Task<NpgsqlConnection> OpenUnpooledAsync(NpgsqlConnectionStringBuilder builder, CancellationToken cancellationToken)
    {
        builder.Pooling = false;
        var connection = new NpgsqlConnection(builder.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
