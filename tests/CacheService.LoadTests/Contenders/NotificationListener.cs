using CacheService.LoadTests.Machine;
using Npgsql;

namespace CacheService.LoadTests.Contenders;

/// <summary>Who gets the notifications of <see cref="NotifyTrigger"/>; it counts them, the least that a cache would do.</summary>
internal sealed class NotificationListener : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _listening;
    private long _received;

    private NotificationListener(NpgsqlConnection connection)
    {
        _connection = connection;
        connection.Notification += (_, _) => Interlocked.Increment(ref _received);
        _listening = ListenAsync();
    }

    public long Received => Interlocked.Read(ref _received);

    public static async Task<NotificationListener> StartAsync(LoadDatabase database, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand($"listen {NotifyTrigger.Channel}", connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return new NotificationListener(connection);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _listening;
        await _connection.DisposeAsync();
        _stop.Dispose();
    }

    private async Task ListenAsync()
    {
        try
        {
            while (true)
            {
                await _connection.WaitAsync(_stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }
}
