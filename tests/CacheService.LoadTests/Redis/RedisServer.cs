using CacheService.LoadTests.Machine;
using CacheService.Postgres.Embedded;
using StackExchange.Redis;

namespace CacheService.LoadTests.Redis;

/// <summary>A Redis of its own that keeps nothing on disk, which is as fast as it gets; with a connection.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    public const string Missing = "redis-server is missing (Debian, Ubuntu: apt-get install redis-server; Fedora: dnf install redis; macOS: brew install redis)";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    private readonly ChildProcess _process;
    private readonly ConnectionMultiplexer _connection;

    private RedisServer(ChildProcess process, ConnectionMultiplexer connection, string address)
    {
        (_process, _connection, Address) = (process, connection, address);
        Processes = new ProcessTree("Redis", process.Id);
    }

    public string Address { get; }

    public IDatabase Database => _connection.GetDatabase();

    public ProcessTree Processes { get; }

    /// <summary>Returns once it answers.</summary>
    public static async Task<RedisServer> StartAsync(string program, string folder, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var port = LoopbackPort.ChooseNew();
        var process = ChildProcess.Start(program, ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]);
        var address = $"127.0.0.1:{port}";
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    return new RedisServer(process, await ConnectionMultiplexer.ConnectAsync(address), address);
                }
                catch (RedisConnectionException) when (!process.HasExited)
                {
                    await Task.Delay(Poll, cancellationToken);
                }
            }
        }
        catch (Exception e)
        {
            await process.DisposeAsync();
            throw e is RedisConnectionException ? new LoadTestException($"Redis ended: {process.Output}", e) : e;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _process.DisposeAsync();
    }
}
