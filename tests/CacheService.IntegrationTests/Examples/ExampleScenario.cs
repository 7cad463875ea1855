using System.Diagnostics;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Examples;

/// <summary>
/// What happens to each example while it watches, whatever its language: others write, its connection is cut, a message is deleted, the database is away, the service is restarted. What it has printed last
/// of each message has to be what the view says.
/// </summary>
internal sealed class ExampleScenario : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private readonly string[] _settings;
    private readonly SwallowingProxy _network;
    private RunningService _service;

    private ExampleScenario(TestDatabase database, string[] settings, RunningService service, int port)
    {
        (_database, _settings, _service) = (database, settings, service);
        _network = new SwallowingProxy(port);
    }

    /// <summary>What the examples are told to watch; there is no message 4.</summary>
    public static string[] MessageIds { get; } = ["1", "2", "3", "4"];

    /// <summary>The host and port that an example is to call.</summary>
    public string Address => $"127.0.0.1:{_network.Port}";

    /// <summary>Starts a service with some counts.</summary>
    /// <param name="overHttp">Whether the example calls its HTTP endpoint.</param>
    /// <param name="settings">Settings of the service.</param>
    public static async Task<ExampleScenario> StartAsync(bool overHttp = false, params string[] settings)
    {
        var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (2, 'fav'), (3, 'fav')");
        // It comes back at the same port.
        var port = LoopbackPort.ChooseNew();
        string[] all = [$"--Kestrel:Endpoints:{(overHttp ? "Http" : "Grpc")}:Url=http://127.0.0.1:{port}", .. settings];
        return new ExampleScenario(database, all, await RunningService.StartAsync(database.ConnectionString, all), port);
    }

    /// <summary>Runs the scenario with an example that prints lines.</summary>
    /// <param name="start">How it is started, told of an address.</param>
    public static async Task CheckAsync(Func<string, ProcessStartInfo> start)
    {
        await using var scenario = await StartAsync();
        await using var example = ExampleLines.Start(start(scenario.Address));
        await example.UntilAsync(lines => lines.Contains("synced"), "it has all counts");
        Assert.That(example.Lines, Does.Contain("read 1: 1 retweets, 0 likes").And.Contain("read 4: no such message").And.Contain("state LIVE"));
        await scenario.UntilKnownAsync(example.Counts);

        await scenario.WriteAsync(1);
        await scenario.UntilKnownAsync(example.Counts);

        await scenario.CutOffAsync();
        await example.UntilAsync(lines => lines.Contains("resumed"), "it goes on where it was");
        Assert.That(example.Lines.Count(line => line == "reset"), Is.EqualTo(1));
        // Where the service has read that only after the watch went on, it comes after "resumed".
        await example.UntilAsync(lines => lines.Contains("3: removed"), "it is told that a message went");
        await scenario.UntilKnownAsync(example.Counts);

        await using (await scenario.TakeDatabaseAwayAsync())
        {
            await example.UntilAsync(lines => lines[^1] == "state STALE", "it says that the counts are STALE");
        }

        await example.UntilAsync(lines => lines.Last(line => line.StartsWith("state ", StringComparison.Ordinal)) == "state LIVE", "it says that the counts are LIVE again");

        await scenario.RestartServiceAsync();
        await example.UntilAsync(lines => lines.Count(line => line == "synced") == 2, "it begins anew");
        await scenario.UntilKnownAsync(example.Counts);
        Assert.That(example.HasExited, Is.False);
    }

    /// <summary>Changes a message's counts.</summary>
    public Task WriteAsync(long message) => _database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt'), ({message}, 'fav')");

    /// <summary>Cuts the connections; meanwhile counts change, and a message goes.</summary>
    public async Task CutOffAsync()
    {
        // The next byte cuts.
        _network.Fault = NetworkFault.Refuses;
        await WriteAsync(1);
        await WriteAsync(2);
        await _database.ExecuteAsync("delete from tweet.message where messageid = 3");
        await Wait.UntilAsync(() => _service.Hub.Count == 0, RunningService.Patience, "the watch is cut off");
        await WriteAsync(1);
        _network.Fault = NetworkFault.None;
    }

    /// <summary>Takes the database away until what is returned is disposed.</summary>
    public async Task<IAsyncDisposable> TakeDatabaseAwayAsync()
    {
        var gate = await new TestDatabaseGate(_database).CloseAsync();
        await gate.TerminateServiceAsync();
        return gate;
    }

    /// <summary>Stops the service, and starts it again; meanwhile counts change.</summary>
    public async Task RestartServiceAsync()
    {
        await _service.DisposeAsync();
        await WriteAsync(2);
        _service = await RunningService.StartAsync(_database.ConnectionString, _settings);
    }

    /// <summary>Waits until an example knows what the view says.</summary>
    /// <param name="known">What it knows: retweets and likes, by message.</param>
    public async Task UntilKnownAsync(Func<IReadOnlyDictionary<long, (long, long)>> known)
    {
        var truth = await _database.ReadViewAsync();
        await Wait.UntilAsync(() => known() is var counts && counts.Count == truth.Count && truth.All(one => counts.TryGetValue(one.Key, out var value) && value == one.Value), RunningService.Patience, "it knows what the view says");
    }

    public async ValueTask DisposeAsync()
    {
        await _network.DisposeAsync();
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }
}
