using System.Runtime.ExceptionServices;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed;

/// <summary>The listener and the reader connection. Where one breaks, both are replaced.</summary>
internal sealed class FeedSession : IAsyncDisposable
{
    private readonly BellListener? _listener;
    private readonly WakeSignal _wake;
    private Exception? _broken;

    private FeedSession(ChangeLogReader reader, BellListener? listener, WakeSignal wake)
    {
        Reader = reader;
        _listener = listener;
        _wake = wake;
        if (listener is not null)
        {
            _ = listener.Listening.ContinueWith(
                listening => Break(listening.Exception?.InnerException ?? new NpgsqlException("the listener ended")),
                CancellationToken.None,
                TaskContinuationOptions.NotOnCanceled,
                TaskScheduler.Default);
        }
    }

    /// <summary>Reads the change log.</summary>
    public ChangeLogReader Reader { get; }

    /// <summary>Whether there is a listener. Behind a pooler of transactions there is none, since LISTEN would be left to others.</summary>
    public bool IsListening => _listener is not null;

    /// <summary>Opens both connections. It listens before it returns, so that whatever is read afterwards lacks no bell.</summary>
    public static async Task<FeedSession> OpenAsync(
        PostgresConnections connections, SchemaInstaller installer, bool isFirst, FeedOptions options, FeedStatus status, WakeSignal wake, TimeProvider time, CancellationToken cancellationToken)
    {
        status.NotificationsWorking = false;
        await connections.ChoosePrimaryAsync(cancellationToken);
        await using (var connection = await connections.OpenLoaderAsync(options.LoadTimeout, cancellationToken))
        {
            await RequirePrimaryAsync(connection, cancellationToken);
            await installer.EnsureAsync(connection, mayInstall: isFirst, cancellationToken);
            status.ServerVersion = connection.PostgreSqlVersion.ToString();
        }

        BellListener? listener = null;
        var reader = await ChangeLogReader.OpenAsync(connections, options, time);
        try
        {
            if (reader.OwnsSession)
            {
                listener = await ListenAsync(connections, status, wake, cancellationToken);
                await TestListenerAsync(connections, listener, cancellationToken);
            }

            return new FeedSession(reader, listener, wake);
        }
        catch
        {
            reader.Dispose();
            if (listener is not null)
            {
                await listener.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Ends what is done with the session, for a reason. Only the first counts.</summary>
    public void Break(Exception reason)
    {
        Interlocked.CompareExchange(ref _broken, reason, null);
        _wake.Set(WakeReasons.Fault);
    }

    /// <summary>Throws what broke the session, if something did.</summary>
    public void ThrowIfBroken()
    {
        if (Volatile.Read(ref _broken) is { } reason)
        {
            ExceptionDispatchInfo.Throw(reason);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The reader first: its locks go with it, so that no writer rings for a cache that is gone.
        Reader.Dispose();
        if (_listener is not null)
        {
            await _listener.DisposeAsync();
        }
    }

    private static async Task TestListenerAsync(PostgresConnections connections, BellListener listener, CancellationToken cancellationToken)
    {
        await using var selfTest = connections.Pool.CreateCommand("select pg_notify($1, '')");
        selfTest.Parameters.Add(new NpgsqlParameter<string> { TypedValue = listener.SelfTestChannel });
        try
        {
            await selfTest.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException e) when (DatabaseErrors.IsFullQueue(e))
        {
            // Because of somebody else. The test has failed, which is said in a moment; heartbeats find every change.
        }
    }

    private static async Task<BellListener> ListenAsync(PostgresConnections connections, FeedStatus status, WakeSignal wake, CancellationToken cancellationToken)
    {
        var connection = await connections.OpenListenerAsync(cancellationToken);
        var listener = new BellListener(
            connection,
            connections.Instance,
            onBell: () =>
            {
                status.CountBell();
                wake.Set(WakeReasons.Bell);
            },
            onChanged: () =>
            {
                // The ringer hears itself.
                if (!status.IsRinger)
                {
                    wake.Set(WakeReasons.Changed);
                }
            },
            onSelfTest: () => status.NotificationsWorking = true);
        try
        {
            await listener.StartAsync(cancellationToken);
            return listener;
        }
        catch
        {
            await listener.DisposeAsync();
            throw;
        }
    }

    private static async Task RequirePrimaryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_is_in_recovery()", connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is true)
        {
            throw new NpgsqlException("the server is a standby; the cache needs the primary (name all hosts in the connection string: Host=one,two)");
        }
    }
}
