using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>The listener connection: hears the doorbell, and nothing else runs on it.</summary>
internal sealed class BellListener : IAsyncDisposable
{
    private const string BellChannel = "twcache";
    private const string ChangedChannel = "twcache_changed";
    private static readonly TimeSpan JoinTimeout = TimeSpan.FromSeconds(2);

    private readonly NpgsqlConnection _connection;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Hearing _hearing;
    private Task _listening = Task.CompletedTask;

    /// <summary>Takes over an open connection.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="instance">Names the channel of the self-test.</param>
    /// <param name="hearing">Told of what is heard.</param>
    public BellListener(NpgsqlConnection connection, string instance, Hearing hearing)
    {
        _connection = connection;
        SelfTestChannel = $"twcache_test_{instance}";
        _hearing = hearing;
    }

    /// <summary>A notification on this channel comes back to this listener alone.</summary>
    public string SelfTestChannel { get; }

    /// <summary>Ends when the connection breaks, with the reason.</summary>
    public Task Listening => _listening;

    /// <summary>Starts to listen: when this is done, no later notification is missed.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _connection.Notification += (_, notification) => Hear(notification.Channel);
        await using (var listen = new NpgsqlCommand($"listen {BellChannel}; listen {ChangedChannel}; listen {SelfTestChannel}", _connection))
        {
            await listen.ExecuteNonQueryAsync(cancellationToken);
        }

        _listening = ListenAsync(_stopping.Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        // Npgsql's cancelled wait can hang (npgsql/npgsql#5975); the join is bounded, and then the connection is closed under it.
        await Task.WhenAny(_listening, Task.Delay(JoinTimeout));
        await _connection.DisposeAsync();
        _stopping.Dispose();
    }

    private void Hear(string channel)
    {
        switch (channel)
        {
            case BellChannel:
                _hearing.HearBell();
                break;
            case ChangedChannel:
                _hearing.HearOfChanges();
                break;
            default:
                _hearing.HearItself();
                break;
        }
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            // Returns after any asynchronous message, a notice or a parameter status included.
            await _connection.WaitAsync(cancellationToken);
        }
    }
}
