using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>A primary and its standby, named together.</summary>
internal sealed class ServerPair : ITestDatabase, IAsyncDisposable
{
    private ServerPair(PrivateServer primary, PrivateServer standby)
    {
        (Primary, Standby) = (primary, standby);
        ConnectionString = new NpgsqlConnectionStringBuilder(primary.ConnectionString)
        {
            Host = $"127.0.0.1:{primary.Port},127.0.0.1:{standby.Port}",
            TargetSessionAttributes = "primary",
            // Which of them is the primary is to be asked each time.
            HostRecheckSeconds = 0,
        }.ConnectionString;
    }

    /// <summary>To whichever is the primary.</summary>
    public string ConnectionString { get; }

    /// <summary>The primary at first.</summary>
    public PrivateServer Primary { get; }

    /// <summary>The standby at first.</summary>
    public PrivateServer Standby { get; }

    public static async Task<ServerPair> StartAsync()
    {
        var primary = await PrivateServer.StartAsync();
        return new ServerPair(primary, await primary.StartStandbyAsync());
    }

    /// <summary>From here on nothing is committed before the standby has it.</summary>
    public async Task BecomeSynchronousAsync()
    {
        await Primary.ExecuteAsync("alter system set synchronous_standby_names = '*'");
        await Primary.ExecuteAsync("select pg_reload_conf()");
        await Wait.UntilAsync(
            () => Primary.QueryAsync<bool>("select exists (select from pg_stat_replication where sync_state = 'sync')"), RunningService.Patience, "the standby is synchronous");
    }

    /// <summary>Waits until the standby has all that the primary has; nobody may write meanwhile.</summary>
    public async Task WaitForStandbyAsync()
    {
        var position = await Primary.QueryAsync<string>("select pg_current_wal_lsn()::text");
        await Wait.UntilAsync(() => Standby.QueryAsync<bool>($"select pg_last_wal_replay_lsn() >= '{position}'"), RunningService.Patience, "the standby has caught up");
    }

    public async ValueTask DisposeAsync()
    {
        await Standby.DisposeAsync();
        await Primary.DisposeAsync();
    }
}
