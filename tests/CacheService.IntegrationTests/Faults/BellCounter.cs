using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Faults;

/// <summary>Hears the bells that are meant for the caches, and counts them.</summary>
internal sealed class BellCounter : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly CancellationTokenSource _stopping = new();
    private Task _listening = Task.CompletedTask;
    private int _count;

    private BellCounter(NpgsqlConnection connection)
    {
        _connection = connection;
    }

    public int Count => Volatile.Read(ref _count);

    public static async Task<BellCounter> ListenAsync(ITestDatabase database)
    {
        var counter = new BellCounter(new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false }.ConnectionString));
        await counter._connection.OpenAsync();
        counter._connection.Notification += (_, _) => Interlocked.Increment(ref counter._count);
        await counter._connection.ExecuteAsync("listen twcache");
        counter._listening = counter.WaitAsync();
        return counter;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _listening;
        await _connection.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task WaitAsync()
    {
        try
        {
            while (true)
            {
                await _connection.WaitAsync(_stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Counted enough.
        }
    }
}
