using System.Data;
using CacheService.Postgres.Addresses;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Postgres;

/// <summary>
/// The service's connections to its database, all to the same server, the primary, and no more than <see cref="DatabaseOptions.MaxConnections"/> but for those of jobs. What the counts
/// stand on shares none with anything else. Thread-safe.
/// </summary>
internal sealed partial class PostgresConnections(DatabaseAddress address, IOptions<DatabaseOptions> options, ILogger<PostgresConnections> logger) : IAsyncDisposable
{
    private const int KeepAliveSeconds = 5;
    private const int ConnectTimeoutSeconds = 5;
    private const int LongestConnectTimeoutSeconds = 30;
    private const int LongestApplicationName = 63;
    private const int OpeningsWithoutRoom = 5;

    /// <summary>Beside <see cref="DatabaseOptions.MaxConnections"/>, and none unless jobs are run.</summary>
    private const int JobConnections = 3;

    private static readonly TimeSpan PauseWithoutRoom = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan RoomReportInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _choosing = new();
    private readonly SlotQueue _texts = new(options.Value.TextConnections);
    private ConnectionPools? _pools;
    private Primary? _primary;
    private long _roomReportedAt;

    /// <summary>Set where a pooler of transactions is found in between.</summary>
    private volatile bool _sharesSessions;

    /// <summary>Names this service among all that use the database; it ends the name of each of its sessions, <c>application_name</c>.</summary>
    public string Instance { get; } = $"{Random.Shared.Next():x8}";

    /// <summary>Pooled connections for short statements that the counts do not depend on.</summary>
    public NpgsqlDataSource Pool => Pools.Others;

    /// <summary>Pooled connections for what is asked and told of jobs, which need not wait for anything else.</summary>
    public NpgsqlDataSource JobsPool => Pools.Jobs;

    /// <summary>Whether a pooler of transactions was found in between, behind which no session is anybody's own.</summary>
    public bool SharesSessions => _sharesSessions;

    private ConnectionPools Pools
    {
        get
        {
            lock (_choosing)
            {
                return _pools ??= CreatePools();
            }
        }
    }

    /// <summary>Finds the primary, where the connection string names several hosts; connections that are opened from here on lead to it.</summary>
    /// <exception cref="NpgsqlException">None of them is a primary, or only one that was demoted.</exception>
    public async Task ChoosePrimaryAsync(CancellationToken cancellationToken)
    {
        var hosts = address.Hosts;
        var primary = hosts.Count == 1 ? new Primary(hosts[0], "") : await PrimaryFinder.FindAsync(hosts, cancellationToken);
        ConnectionPools? old;
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

            (_primary, old, _pools) = (primary, _pools, null);
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
    public void ClearPool()
    {
        ConnectionPools? pools;
        lock (_choosing)
        {
            // None is made for it: what keeps it from being made is told where it is wanted.
            pools = _pools;
        }

        pools?.Clear();
    }

    /// <summary>
    /// Ends sessions that earlier readers and listeners of this service have left on the server, which may not have noticed that they are gone: they would
    /// keep their locks. To be called between two sessions, by the new reader.
    /// </summary>
    public void EndLeftSessions(NpgsqlConnection reader)
    {
        const string Sql =
            """
            select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and usename = session_user and application_name ~ $1 and pid <> pg_backend_pid()
            """;
        using var end = new NpgsqlCommand(Sql, reader);
        end.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $" (reader|listener|loader) {Instance}$" });
        end.ExecuteNonQuery();
    }

    /// <summary>Runs statements in one READ COMMITTED transaction, whatever the role's default: what follows a lock in a function must see what was committed before it.</summary>
    public Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> statements, CancellationToken cancellationToken) => RunAsync(pools => pools.Others, statements, cancellationToken);

    /// <summary>As <see cref="RunAsync{T}(Func{NpgsqlConnection, Task{T}}, CancellationToken)"/>, on a connection that only registering and renewing use: nothing else can hold it up.</summary>
    public Task<T> RunForLeaseAsync<T>(Func<NpgsqlConnection, Task<T>> statements, CancellationToken cancellationToken) => RunAsync(pools => pools.Lease, statements, cancellationToken);

    /// <summary>Reads from the application's tables, which others may have locked for long. Waits for a connection for as long as it may.</summary>
    public Task<T> ReadTextsAsync<T>(Func<NpgsqlConnection, Task<T>> statements, CancellationToken cancellationToken) =>
        ReadTextsAsync(IsolationLevel.ReadCommitted, statements, cancellationToken);

    /// <summary>As <see cref="ReadTextsAsync{T}(Func{NpgsqlConnection, Task{T}}, CancellationToken)"/>; all statements see the snapshot that the first query takes.</summary>
    public Task<T> ReadTextsAtOneSnapshotAsync<T>(Func<NpgsqlConnection, Task<T>> statements, CancellationToken cancellationToken) =>
        ReadTextsAsync(IsolationLevel.RepeatableRead, statements, cancellationToken);

    /// <summary>Opens a connection that only listens. Without keep-alive it would not notice a half-open connection.</summary>
    public Task<NpgsqlConnection> OpenListenerAsync(CancellationToken cancellationToken) =>
        OpenUnpooledAsync("listener", builder => builder.KeepAlive = KeepAliveSeconds, cancellationToken);

    /// <summary>Opens a connection for long statements.</summary>
    /// <param name="commandTimeout">After it a statement counts as failed.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public Task<NpgsqlConnection> OpenLoaderAsync(TimeSpan commandTimeout, CancellationToken cancellationToken) =>
        OpenUnpooledAsync("loader", builder => builder.CommandTimeout = (int)commandTimeout.TotalSeconds, cancellationToken);

    /// <summary>Opens a connection in which a run of a job works. How long its statements take is for the job to say.</summary>
    public Task<NpgsqlConnection> OpenJobAsync(CancellationToken cancellationToken) => OpenUnpooledAsync(
        "job",
        builder =>
        {
            builder.KeepAlive = KeepAliveSeconds;
            builder.CommandTimeout = 0;
        },
        cancellationToken);

    /// <summary>Opens a connection that reads the change log and holds locks. Blocks.</summary>
    /// <param name="commandTimeout">After it a statement counts as failed.</param>
    public NpgsqlConnection OpenReader(TimeSpan commandTimeout)
    {
        const string Purpose = "reader";
        var settings = Builder(Purpose, builder => builder.CommandTimeout = (int)commandTimeout.TotalSeconds);
        for (var attempt = 1; ; attempt++)
        {
            var connection = Pools.Single(Purpose, settings);
            try
            {
                connection.Open();
                return connection;
            }
            catch (PostgresException e) when (HasNoRoom(e) && attempt < OpeningsWithoutRoom)
            {
                connection.Dispose();
                MakeRoom(e);
                Thread.Sleep(PauseWithoutRoom);
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _texts.Dispose();
        if (_pools is { } pools)
        {
            await pools.DisposeAsync();
        }
    }

    /// <summary>Whether the server had no connection left for this role, this database, or at all.</summary>
    public static bool HasNoRoom(PostgresException error) => error.SqlState == PostgresErrorCodes.TooManyConnections;

    private async Task<T> ReadTextsAsync<T>(IsolationLevel isolation, Func<NpgsqlConnection, Task<T>> statements, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var slot = await _texts.TakeAsync(cancellationToken);
            NpgsqlConnection connection;
            try
            {
                connection = await Pools.Texts.OpenConnectionAsync(cancellationToken);
            }
            catch (PostgresException e) when (HasNoRoom(e))
            {
                ReportNoRoom(e);
                slot.HasNoRoom = true;
                continue;
            }

            await using (connection)
            {
                return await RunAsync(connection, isolation, statements, cancellationToken);
            }
        }
    }

    private async Task<T> RunAsync<T>(Func<ConnectionPools, NpgsqlDataSource> pool, Func<NpgsqlConnection, Task<T>> statements, CancellationToken cancellationToken)
    {
        await using var connection = await OpenPooledAsync(pool, cancellationToken);
        return await RunAsync(connection, IsolationLevel.ReadCommitted, statements, cancellationToken);
    }

    private async Task<T> RunAsync<T>(NpgsqlConnection connection, IsolationLevel isolation, Func<NpgsqlConnection, Task<T>> statements, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(isolation, cancellationToken);
        if (_sharesSessions)
        {
            await using var settings = new NpgsqlCommand(SessionSettings.ForOneTransaction, connection);
            await settings.ExecuteNonQueryAsync(cancellationToken);
        }

        var result = await statements(connection);
        await transaction.CommitAsync(cancellationToken);
        return result;
    }

    private async Task<NpgsqlConnection> OpenPooledAsync(Func<ConnectionPools, NpgsqlDataSource> pool, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await pool(Pools).OpenConnectionAsync(cancellationToken);
            }
            catch (PostgresException e) when (HasNoRoom(e) && attempt < OpeningsWithoutRoom)
            {
                MakeRoom(e);
                await Task.Delay(PauseWithoutRoom, cancellationToken);
            }
        }
    }

    // A connection that has listened or holds locks must never come back out of a pool.
    private async Task<NpgsqlConnection> OpenUnpooledAsync(string purpose, Action<NpgsqlConnectionStringBuilder> configure, CancellationToken cancellationToken)
    {
        var settings = Builder(purpose, configure);
        for (var attempt = 1; ; attempt++)
        {
            var connection = Pools.Single(purpose, settings);
            try
            {
                await connection.OpenAsync(cancellationToken);
                await SessionSettings.ApplyAsync(connection);
                return connection;
            }
            catch (PostgresException e) when (HasNoRoom(e) && attempt < OpeningsWithoutRoom)
            {
                await connection.DisposeAsync();
                MakeRoom(e);
                await Task.Delay(PauseWithoutRoom, cancellationToken);
            }
            catch (Exception e)
            {
                await connection.DisposeAsync();
                if (TlsDiagnosis.IsAbout(e))
                {
                    throw new TlsFailedException(await TlsDiagnosis.ExplainAsync(settings, e, cancellationToken), e);
                }

                throw;
            }
        }
    }

    private void MakeRoom(PostgresException why)
    {
        ReportNoRoom(why);
        // Those who wait for a text can wait for longer than the counts. What is in use is closed when it comes back.
        _texts.TakeOneAway();
        Pools.Texts.Clear();
        Pools.Others.Clear();
    }

    private void ReportNoRoom(PostgresException why)
    {
        var now = Environment.TickCount64;
        var last = Interlocked.Read(ref _roomReportedAt);
        if ((last == 0 || now - last > RoomReportInterval.TotalMilliseconds) && Interlocked.CompareExchange(ref _roomReportedAt, now, last) == last)
        {
            LogNoRoom(logger, why.MessageText, options.Value.MaxConnections);
        }
    }

    private ConnectionPools CreatePools() => new(
        CreatePool("lease", options.Value.LeaseConnections),
        CreatePool("texts", options.Value.TextConnections),
        CreatePool("jobs", JobConnections),
        CreatePool("pool", options.Value.OtherConnections));

    private NpgsqlDataSource CreatePool(string purpose, int size)
    {
        var settings = Builder(purpose, builder =>
        {
            builder.MaxPoolSize = size;
            builder.KeepAlive = KeepAliveSeconds;
            builder.CommandTimeout = SessionSettings.StatementTimeoutSeconds;
            // A reset would undo the session's settings.
            builder.NoResetOnClose = true;
        });
        var session = SessionSettings.ShortStatements + purpose switch
        {
            // Readers of texts have their callers' deadlines, and are in the way of no restore: they hold no lock while they wait for one.
            "texts" => "; set lock_timeout = 0",
            // What was told of a job must be as true after a crash as the application's own commits.
            "jobs" => "; reset synchronous_commit",
            _ => "",
        };
        var pool = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = purpose };
        pool.UsePhysicalConnectionInitializer(
            connection => _sharesSessions = !SessionSettings.Apply(connection, session),
            async connection => _sharesSessions = !await SessionSettings.ApplyAsync(connection, session));
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
        // 0 is for ever.
        builder.Timeout = !builder.ShouldSerialize("Timeout") ? ConnectTimeoutSeconds : builder.Timeout is > 0 and <= LongestConnectTimeoutSeconds ? builder.Timeout : LongestConnectTimeoutSeconds;
        // What Npgsql would ask about types at the first connection, it asks before the session's settings are set; none of ours is the database's own.
        builder["Server Compatibility Mode"] = "NoTypeLoading";
        configure(builder);
        return builder;
    }

    [LoggerMessage(EventId = 2001, EventName = "NoRoomForConnections", Level = LogLevel.Warning,
        Message = "The database has no room for another connection: {Reason}. The service uses up to {MaxConnections} (Database:MaxConnections); allow its role as many. Until then readers of texts wait for one.")]
    private static partial void LogNoRoom(ILogger logger, string reason, int maxConnections);
}
