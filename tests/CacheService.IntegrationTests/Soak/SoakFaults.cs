using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Soak;

/// <summary>Causes one fault after the other, drawn at random, each over when the call returns.</summary>
internal sealed class SoakFaults
{
    private static readonly string[] Purposes = ["listener", "reader", "pool", "lease", ""];

    private readonly PrivateServer _server;
    private readonly SwallowingProxy _proxy;
    private readonly FaultService _service;
    private readonly FaultService _other;
    private readonly FaultWriters _writers;
    private readonly Random _random;
    private readonly (string Name, Func<Task> CauseAsync)[] _all;
    private readonly Dictionary<string, int> _caused = [];

    public SoakFaults(PrivateServer server, SwallowingProxy proxy, FaultService service, FaultService other, FaultWriters writers, Random random)
    {
        (_server, _proxy, _service, _other, _writers, _random) = (server, proxy, service, other, writers, random);
        _all =
        [
            ("sessions ended", async () => await _server.TerminateServiceAsync(Purposes[_random.Next(Purposes.Length)])),
            ("sessions ended", async () => await _server.TerminateServiceAsync()),
            ("server restarted", () => RestartAsync(immediate: false)),
            ("server crashed", () => RestartAsync(immediate: true)),
            ("server promoted", PromoteAsync),
            ("server frozen", async () =>
            {
                await _server.FreezeAsync();
                await PauseAsync(1, 6);
                await _server.ThawAsync();
            }),
            ("network refused", () => BreakNetworkAsync(NetworkFault.Refuses)),
            ("network stalled", () => BreakNetworkAsync(NetworkFault.Stalls)),
            ("network cut silently", () => BreakNetworkAsync(NetworkFault.SwallowsBoth)),
            ("network cut silently, one way", () => BreakNetworkAsync(_random.Next(2) == 0 ? NetworkFault.SwallowsToClient : NetworkFault.SwallowsToServer)),
            ("service frozen", () => FreezeAsync(_service)),
            ("other service frozen", () => FreezeAsync(_other)),
            ("other service killed", async () =>
            {
                await _other.KillAsync();
                await PauseAsync(0, 3);
                _other.StartAgain();
            }),
            ("everything to be loaded afresh", () => _server.ExecuteAsync("update twcache.change_identity set id = gen_random_uuid()")),
            ("rollups killed", KillRollupsAsync),
            ("log switched", SwitchLogAsync),
            ("consumers forgotten", () => _server.ExecuteAsync("delete from twcache.consumer")),
            ("activity truncated", () => _writers.TakeAwayAsync(_server, "truncate tweet.activity")),
            ("everything truncated", () => _writers.TakeAwayAsync(_server, $"truncate tweet.message cascade; {FaultStatements.CreateMessages}")),
            ("activity deleted", () => _writers.TakeAwayAsync(_server, "delete from tweet.activity")),
            ("everything deleted", () => _writers.TakeAwayAsync(_server, $"delete from tweet.activity; delete from tweet.message; {FaultStatements.CreateMessages}")),
            ("a large transaction", () => _server.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message, generate_series(1, 50) where message = 'calm'")),
        ];
    }

    public string Last { get; private set; } = "";

    public int Count => _caused.Values.Sum();

    /// <summary>Which, and how often.</summary>
    public string Caused => string.Join(", ", _caused.OrderBy(one => one.Key).Select(one => $"{one.Value} × {one.Key}"));

    public async Task CauseOneAsync()
    {
        var (name, causeAsync) = _all[_random.Next(_all.Length)];
        Last = $"fault {Count + 1}, {name}";
        await causeAsync();
        _caused[name] = _caused.GetValueOrDefault(name) + 1;
    }

    private async Task RestartAsync(bool immediate)
    {
        await _server.StopAsync(immediate);
        await PauseAsync(0, 2);
        await _server.StartAgainAsync();
    }

    /// <summary>Crashed, and then a standby that becomes a primary on a timeline of its own.</summary>
    private async Task PromoteAsync()
    {
        await _server.StopAsync(immediate: true);
        await _server.StartAgainAsStandbyAsync();
        await PauseAsync(0, 2);
        await _server.PromoteAsync();
    }

    private async Task BreakNetworkAsync(NetworkFault fault)
    {
        _proxy.Fault = fault;
        await PauseAsync(1, 6);
        _proxy.Fault = NetworkFault.None;
    }

    private async Task FreezeAsync(FaultService service)
    {
        await ProcessSignals.FreezeAsync(service.Process!.Id);
        await PauseAsync(1, 6);
        await ProcessSignals.ThawAsync(service.Process!.Id);
    }

    /// <summary>Rollups, ended wherever they are.</summary>
    private async Task KillRollupsAsync()
    {
        for (var killed = 0; killed < 20; killed++)
        {
            await using var connection = await _server.OpenAsync();
            var pid = await connection.QueryAsync<int>("select pg_backend_pid()");
            var rolling = connection.ExecuteAsync("select twcache.roll_up()");
            await Pause.ForAsync(TimeSpan.FromMilliseconds(_random.Next(1, 20)));
            await _server.ExecuteAsync($"select pg_terminate_backend({pid})");
            try
            {
                await rolling;
            }
            catch (Exception e) when (e is PostgresException { SqlState: PostgresErrorCodes.AdminShutdown } or NpgsqlException { InnerException: IOException })
            {
                // As intended.
            }
        }
    }

    /// <summary>To the other form; an index that is asked for is created beside the writers.</summary>
    private async Task SwitchLogAsync()
    {
        await using var connection = await _server.OpenAsync();
        var form = await connection.QueryAsync<string>("select case twcache.log_form() when 'table' then 'change' else 'table' end");
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    if (await connection.QueryAsync<string>($"select coalesce(next, '') from twcache.set_log('{form}')") is { Length: > 0 } next)
                    {
                        await connection.ExecuteAsync(next);
                    }
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
                {
                    // Writers hold the tables for longer than it waits.
                }

                return await connection.QueryAsync<string>("select twcache.log_form()") == form;
            },
            RunningService.Patience,
            $"the log has form {form}");
    }

    private Task PauseAsync(double leastSeconds, double mostSeconds) =>
        Pause.ForAsync(TimeSpan.FromSeconds(leastSeconds + (_random.NextDouble() * (mostSeconds - leastSeconds)) + 0.01));
}
