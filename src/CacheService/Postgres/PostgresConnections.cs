using System.Data;
using Npgsql;

namespace CacheService.Postgres;

/// <summary>The service's connections to its database, all to the same server, the primary. Thread-safe.</summary>
internal sealed class PostgresConnections(DatabaseAddress address) : IAsyncDisposable
{
    private const int KeepAliveSeconds = 5;
    private const int PoolSize = 10;
    private const int ConnectTimeoutSeconds = 5;
    private const int LongestApplicationName = 63;

    private readonly Lock _choosing = new();
    private NpgsqlDataSource? _pool;
    private Primary? _primary;

    /// <summary>Names this service among all that use the database; it ends the name of each of its sessions, <c>application_name</c>.</summary>
    public string Instance { get; } = $"{Random.Shared.Next():x8}";

    /// <summary>Pooled connections for short statements.</summary>
    public NpgsqlDataSource Pool
    {
        get
        {
            lock (_choosing)
            {
                return _pool ??= CreatePool();
            }
        }
    }

    /// <summary>Finds the primary, where the connection string names several hosts; connections that are opened from here on lead to it.</summary>
    /// <exception cref="NpgsqlException">None of them is a primary, or only one that was demoted.</exception>
    public async Task ChoosePrimaryAsync(CancellationToken cancellationToken)
    {
        var hosts = address.Hosts;
        var primary = hosts.Count == 1 ? new Primary(hosts[0], "") : await PrimaryFinder.FindAsync(hosts, cancellationToken);
        NpgsqlDataSource? old;
        lock (_choosing)
        {
            if (primary == _primary)
            {
                return;
            }

            if (IsLater(_primary, than: primary))
            {
                throw new NpgsqlException($"the primary on timeline {_primary!.Timeline} is away, and the host that answers as one, on timeline {primary.Timeline}, was demoted");
            }

            (_primary, old, _pool) = (primary, _pool, null);
        }

        if (old is not null)
        {
            await old.DisposeAsync();
        }
    }

    /// <summary>Whether another host was promoted after the chosen one. Where none answers, nothing is known.</summary>
    public async Task<bool> HasPrimaryMovedAsync(CancellationToken cancellationToken)
    {
        var hosts = address.Hosts;
        if (hosts.Count == 1)
        {
            return false;
        }

        try
        {
            return IsLater(await PrimaryFinder.FindAsync(hosts, cancellationToken), than: _primary);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whoever follows the chosen one finds out whether it still answers.
            return false;
        }
    }

    /// <summary>Forgets pooled connections that nobody uses: they may be as broken as another one was found to be.</summary>
    public void ClearPool() => Pool.Clear();

    /// <summary>
    /// Ends sessions that earlier readers and listeners of this service have left on the server, which may not have noticed that they are gone: they would
    /// keep their locks. To be called between two sessions, by the new reader.
    /// </summary>
    public void EndLeftSessions(NpgsqlConnection reader)
    {
        const string Sql =
            """
            select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and usename = current_user and application_name ~ $1 and pid <> pg_backend_pid()
            """;
        using var end = new NpgsqlCommand(Sql, reader);
        end.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $" (reader|listener|loader) {Instance}$" });
        end.ExecuteNonQuery();
    }

    /// <summary>Runs statements in one READ COMMITTED transaction, whatever the role's default: what follows a lock in a function must see what was committed before it.</summary>
    public async Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> statements, CancellationToken cancellationToken)
    {
        await using var connection = await Pool.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        var result = await statements(connection);
        await transaction.CommitAsync(cancellationToken);
        return result;
    }

    /// <summary>Opens a connection that only listens. Without keep-alive it would not notice a half-open connection.</summary>
    public Task<NpgsqlConnection> OpenListenerAsync(CancellationToken cancellationToken) =>
        OpenUnpooledAsync(Builder("listener", builder => builder.KeepAlive = KeepAliveSeconds), cancellationToken);

    /// <summary>Opens a connection for long statements.</summary>
    /// <param name="commandTimeout">After it a statement counts as failed.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public Task<NpgsqlConnection> OpenLoaderAsync(TimeSpan commandTimeout, CancellationToken cancellationToken) =>
        OpenUnpooledAsync(Builder("loader", builder => builder.CommandTimeout = (int)commandTimeout.TotalSeconds), cancellationToken);

    /// <summary>Opens a connection that reads the change log and holds locks. Blocks.</summary>
    /// <param name="commandTimeout">After it a statement counts as failed.</param>
    public NpgsqlConnection OpenReader(TimeSpan commandTimeout)
    {
        var builder = Builder("reader", builder => builder.CommandTimeout = (int)commandTimeout.TotalSeconds);
        builder.Pooling = false;
        var connection = new NpgsqlConnection(builder.ConnectionString);
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_pool is not null)
        {
            await _pool.DisposeAsync();
        }
    }

    private NpgsqlDataSource CreatePool()
    {
        var settings = Builder("pool", builder =>
        {
            builder.MaxPoolSize = PoolSize;
            builder.KeepAlive = KeepAliveSeconds;
            builder.CommandTimeout = SessionSettings.StatementTimeoutSeconds;
            builder.NoResetOnClose = true;
        });
        var pool = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        pool.UsePhysicalConnectionInitializer(
            connection => SessionSettings.Apply(connection, SessionSettings.ShortStatements),
            connection => SessionSettings.ApplyAsync(connection, SessionSettings.ShortStatements));
        return pool.Build();
    }

    private static bool IsLater(Primary? primary, Primary? than) => string.CompareOrdinal(primary?.Timeline, than?.Timeline) > 0;

    private NpgsqlConnectionStringBuilder Builder(string purpose, Action<NpgsqlConnectionStringBuilder> configure)
    {
        var builder = new NpgsqlConnectionStringBuilder(_primary?.ConnectionString ?? address.Hosts[0]);
        // PostgreSQL cuts long names at their end, which is what tells the sessions apart.
        var end = $" {purpose} {Instance}";
        var name = builder.ApplicationName ?? "CacheService";
        builder.ApplicationName = name[..Math.Min(name.Length, LongestApplicationName - end.Length)] + end;
        if (!builder.ShouldSerialize("Timeout"))
        {
            builder.Timeout = ConnectTimeoutSeconds;
        }

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
            await SessionSettings.ApplyAsync(connection);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
