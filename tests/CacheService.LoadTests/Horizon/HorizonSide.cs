using System.Diagnostics;
using CacheService.LoadTests.Contenders;
using CacheService.LoadTests.Freshness;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Writes;
using Npgsql;

namespace CacheService.LoadTests.Horizon;

/// <summary>A server with two databases: one has no trigger, the other the cache. What is open in one database holds back the other ones of the same server too, so that each side has its own.</summary>
internal sealed class HorizonSide : IAsyncDisposable
{
    private const int Looks = 10;

    private const string SizesSql =
        """
        select pg_total_relation_size('twcache.change')::float8 / 1e6,
               coalesce((select n_dead_tup from pg_stat_user_tables where relid = 'twcache.change'::regclass), 0)::float8,
               coalesce((select n_dead_tup from pg_stat_user_tables where relid = 'twcache.counters'::regclass), 0)::float8
        """;

    private readonly bool _ownsServer;
    private readonly Stack<IAsyncDisposable> _parts = new();
    private Probe? _probe;

    private HorizonSide(LoadTestServer server, bool ownsServer) => (Server, _ownsServer) = (server, ownsServer);

    public LoadTestServer Server { get; }

    public LoadDatabase Plain { get; private set; } = null!;

    public LoadDatabase Cached { get; private set; } = null!;

    public MeasuredService Service { get; private set; } = null!;

    /// <summary>Makes the databases, and starts the service.</summary>
    /// <param name="server">Where.</param>
    /// <param name="ownsServer">Whether the server ends with it.</param>
    /// <param name="messages">How many; one more is the probe's.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<HorizonSide> CreateAsync(LoadTestServer server, bool ownsServer, int messages, CancellationToken cancellationToken)
    {
        var side = new HorizonSide(server, ownsServer);
        try
        {
            side._parts.Push(side.Cached = await LoadDatabase.CreateAsync(server, "load_horizon", template: null, cancellationToken));
            await side.Cached.FillAsync(messages + 1, rows: 10, cancellationToken);
            side._parts.Push(side.Plain = await LoadDatabase.CreateAsync(server, "load_horizon_plain", side.Cached, cancellationToken));
            await side.Plain.ExecuteAsync(PlainTables.WithoutTriggersSql, cancellationToken);
            side._parts.Push(side.Service = await MeasuredService.StartAsync(side.Cached, [], cancellationToken));
            // Else it would wait for the end of what is held open, and nothing would be written back.
            await side.Cached.RollUpAsync(cancellationToken);
            side._parts.Push(side._probe = await Probe.StartAsync(side.Cached, side.Service, messages + 1, cancellationToken));
            return side;
        }
        catch
        {
            await side.DisposeAsync();
            throw;
        }
    }

    /// <summary>Transactions a second of writers that take turns with others.</summary>
    /// <param name="name">In the results.</param>
    /// <param name="database">One of the side's.</param>
    /// <param name="share">Of the round.</param>
    /// <param name="pgbench">Writes.</param>
    /// <param name="script">What each transaction does.</param>
    /// <param name="clients">How many writers.</param>
    public Candidate Writers(string name, LoadDatabase database, double share, Pgbench pgbench, string script, int clients) => new(name, async (round, cancellationToken) =>
    {
        var cpu = new CpuMeter(ProcessTree.OfClient, Service.Processes, Server.Processes);
        var rate = await Pgbench.MeasureAsync(round * share, duration => pgbench.TryRunAsync(database, script, clients, duration, rate: null, cancellationToken));
        var details = new Dictionary<string, double>();
        cpu.AddTo(details);
        return new RoundResult(rate, details);
    });

    /// <summary>What the database and the service have come to, while writers write.</summary>
    public async Task<Dictionary<string, double>> LookAsync(Func<CancellationToken, Task> writeAsync, CancellationToken cancellationToken)
    {
        var writing = writeAsync(cancellationToken);
        await using var connection = await Cached.OpenAsync(cancellationToken);
        var (drains, trims, ages) = (new List<double>(), new List<double>(), new List<double>());
        do
        {
            var snapshot = await ReadAsync<string>(connection, "select pg_current_snapshot()::text", cancellationToken);
            await Task.Delay(10, cancellationToken);
            drains.Add(await MeasureAsync(connection, $"select count(*) from twcache.recent_changes('{snapshot}')", cancellationToken));
            trims.Add(await MeasureAsync(connection, "select twcache.trim(5000)", cancellationToken));
            ages.Add((await _probe!.MeasureAsync(cancellationToken)).Visible);
        }
        while (!writing.IsCompleted && drains.Count < Looks);

        var rollup = await MeasureAsync(connection, "select twcache.roll_up()", cancellationToken);
        await writing;
        await using var command = new NpgsqlCommand(SizesSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new Dictionary<string, double>
        {
            ["log, MB"] = reader.GetDouble(0),
            ["dead rows of the log"] = reader.GetDouble(1),
            ["dead rows of the counters"] = reader.GetDouble(2),
            ["changes of 10 ms read, ms"] = Percentile.Of(drains, 0.5),
            ["trim of up to 5,000 rows, ms"] = Percentile.Of(trims, 0.5),
            ["rollup, ms"] = rollup,
            ["commit to visible, ms"] = Percentile.Of(ages, 0.5),
        };
    }

    public async ValueTask DisposeAsync()
    {
        while (_parts.TryPop(out var part))
        {
            await part.DisposeAsync();
        }

        if (_ownsServer)
        {
            await Server.DisposeAsync();
        }
    }

    private static async Task<double> MeasureAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteScalarAsync(cancellationToken);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static async Task<T> ReadAsync<T>(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
