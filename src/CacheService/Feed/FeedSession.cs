using System.Runtime.ExceptionServices;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed;

/// <summary>The listener and the reader connection. Where one breaks, both are replaced.</summary>
internal sealed class FeedSession : IAsyncDisposable
{
    private readonly BellListener _listener;

    private FeedSession(BellListener listener, NpgsqlConnection connection, ChangeLogReader reader)
    {
        _listener = listener;
        Connection = connection;
        Reader = reader;
    }

    /// <summary>The reader connection.</summary>
    public NpgsqlConnection Connection { get; }

    /// <summary>Reads the change log on it.</summary>
    public ChangeLogReader Reader { get; }

    /// <summary>Opens both connections. It listens before it returns, so that whatever is read afterwards lacks no bell.</summary>
    public static async Task<FeedSession> OpenAsync(
        PostgresConnections connections, SchemaInstaller installer, string consumer, FeedOptions options, FeedStatus status, WakeSignal wake, TimeProvider time, CancellationToken cancellationToken)
    {
        status.NotificationsWorking = false;
        var connection = await connections.OpenReaderAsync(options.DrainTimeout, cancellationToken);
        BellListener? listener = null;
        try
        {
            await RequirePrimaryAsync(connection, cancellationToken);
            await installer.EnsureAsync(connection, cancellationToken);
            status.ServerVersion = connection.PostgreSqlVersion.ToString();

            listener = new BellListener(
                await connections.OpenListenerAsync(cancellationToken),
                consumer,
                onBell: () =>
                {
                    status.CountBell();
                    wake.Set(WakeReasons.Bell);
                },
                onSelfTest: () => status.NotificationsWorking = true);
            await listener.StartAsync(cancellationToken);
            _ = listener.Listening.ContinueWith(_ => wake.Set(WakeReasons.Fault), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

            await using (var selfTest = new NpgsqlCommand("select pg_notify($1, '')", connection))
            {
                selfTest.Parameters.Add(new NpgsqlParameter<string> { TypedValue = listener.SelfTestChannel });
                await selfTest.ExecuteNonQueryAsync(cancellationToken);
            }

            var reader = new ChangeLogReader(connection, time);
            await reader.PrepareAsync(cancellationToken);
            return new FeedSession(listener, connection, reader);
        }
        catch
        {
            await connection.DisposeAsync();
            if (listener is not null)
            {
                await listener.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Throws what broke the listener, if something did.</summary>
    public void ThrowIfBroken()
    {
        if (_listener.Listening.Exception is { InnerException: { } reason })
        {
            ExceptionDispatchInfo.Throw(reason);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The reader first: its locks go with it, so that no writer rings for a cache that is gone.
        await Connection.DisposeAsync();
        await _listener.DisposeAsync();
    }

    private static async Task RequirePrimaryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_is_in_recovery()", connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is true)
        {
            throw new NpgsqlException("the server is a standby; the cache needs the primary (name all hosts, and Target Session Attributes=primary)");
        }
    }
}
