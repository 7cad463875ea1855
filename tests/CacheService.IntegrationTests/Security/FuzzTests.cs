using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;

namespace CacheService.IntegrationTests.Security;

/// <summary>Whatever is sent costs its sender an error, and the service nothing that lasts.</summary>
internal sealed class FuzzTests
{
    private const int Attacks = 600;
    private const int FewestAttacks = 60;
    private const long MostBytesKept = 20_000_000;

    /// <summary>Set to a printed seed to make those attacks again.</summary>
    private const string SeedVariable = "TWCACHE_TEST_SEED";

    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(10);

    [Test]
    public async Task Endpoint_UnderRandomBytesFramesAndMessages_LosesNothingButTheirConnections()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable(SeedVariable), out var given) ? given : Random.Shared.Next();
        await TestContext.Progress.WriteLineAsync($"{SeedVariable}={seed}");
        var random = new Random(seed);
        var key = new TestKey(0, "fuzz", "Read,Watch");
        await using var database = await TestDatabase.CreateAsync();
        using var connections = new ConnectionCount();
        await using var service = await RunningService.StartAsync(database.ConnectionString, key.Settings);
        connections.Port = service.GrpcAddress.Port;
        service.ExpectsErrors = true;
        await using var lag = new MachineLag();

        // Once each, so that what is only made once is not taken for a leak.
        var kinds = new Dictionary<string, int>();
        await AttackAsync(FewestAttacks);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await AttackAsync(Attacks);
        var kept = GC.GetTotalMemory(forceFullCollection: true) - before;

        await Wait.UntilAsync(() => connections.Value <= 1, RunningService.Patience, "all connections are gone but our own client's");
        Assert.That(await service.Client.ReadAsync($"Bearer {key.Key}"), Is.EqualTo(Status.DefaultSuccess));
        Assert.That(await service.Client.WatchAsync($"Bearer {key.Key}"), Is.EqualTo(Status.DefaultSuccess));
        await Wait.UntilAsync(() => service.Hub.Count == 0, RunningService.Patience, "no watch is left");
        Assert.That(service.Log.WarningsOn(lag), Is.Empty, $"seed {seed}");
        Assert.That(kept, Is.LessThan(MostBytesKept), $"seed {seed}");
        await TestContext.Progress.WriteLineAsync($"{kinds.Values.Sum()} attacks of {kinds.Count} kinds, {kept / 1000:n0} kB kept, {connections.Highest} connections at most");

        async Task AttackAsync(int count)
        {
            using var messages = new MessageAttacks(random, service.GrpcAddress, key.Key);
            var frames = new FrameAttacks(random, service.GrpcAddress, key.Key);
            var start = Stopwatch.GetTimestamp();
            var made = 0;
            for (; made < count && (made < FewestAttacks || Stopwatch.GetElapsedTime(start) < MostTime); made++)
            {
                var kind = await (made % 2 == 0 ? frames.RunAsync(made / 2) : messages.RunAsync(made / 2));
                kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
            }
        }
    }
}
