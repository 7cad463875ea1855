using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>The listener and the reader connection. Where one breaks, both are replaced.</summary>
internal sealed class FeedSession : IFeedSession
{
    private readonly ChangeLogReader _reader;
    private readonly BellListener? _listener;
    private readonly PostgresConnections _connections;
    private readonly Hearing _hearing;
    private readonly WakeSignal _wake;

    /// <summary>Takes over a reader, and a listener that listens already.</summary>
    public FeedSession(ChangeLogReader reader, BellListener? listener, string serverVersion, PostgresConnections connections, Hearing hearing, WakeSignal wake)
    {
        _reader = reader;
        _listener = listener;
        _connections = connections;
        _hearing = hearing;
        _wake = wake;
        ServerVersion = serverVersion;
        if (listener is not null)
        {
            _ = listener.Listening.ContinueWith(
                listening => Break(listening.Exception?.InnerException ?? new NpgsqlException("the listener ended")),
                CancellationToken.None,
                TaskContinuationOptions.NotOnCanceled,
                TaskScheduler.Default);
        }
    }

    /// <inheritdoc/>
    public IChangeSource Changes => _reader;

    /// <inheritdoc/>
    public string ServerVersion { get; }

    /// <inheritdoc/>
    public bool IsListening => _listener is not null;

    /// <inheritdoc/>
    public void Break(Exception reason)
    {
        _reader.Break(reason);
        _wake.Set(WakeReasons.Fault);
    }

    // The reader's calls block: elsewhere than here.

    /// <inheritdoc/>
    public Task<BaselineProblems> ReadProblemsAsync(CancellationToken cancellationToken) => Task.Run(_reader.ReadProblems, cancellationToken);

    /// <inheritdoc/>
    public Task<Baseline> ReadBaselineAsync(CancellationToken cancellationToken) => Task.Run(_reader.ReadBaseline, cancellationToken);

    /// <inheritdoc/>
    public async Task MendTriggersAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _connections.Pool.OpenConnectionAsync(cancellationToken);
        await SchemaInstaller.MendTriggersAsync(connection, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The reader first: its locks go with it, so that no writer rings for a cache that is gone.
        _reader.Dispose();
        if (_listener is not null)
        {
            await _listener.DisposeAsync();
        }

        _hearing.Rest();
    }
}
