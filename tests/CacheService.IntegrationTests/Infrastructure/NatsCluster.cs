using CacheService.Postgres.Embedded;
using NATS.Client.Core;
using NATS.Client.JetStream;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Three NATS servers of a test's own that are one, on loopback.</summary>
internal sealed class NatsCluster : IAsyncDisposable
{
    private const int Size = 3;

    private NatsCluster(IReadOnlyList<NatsServer> nodes) => Nodes = nodes;

    /// <summary>Its servers, each to be stopped, killed, frozen and started again.</summary>
    public IReadOnlyList<NatsServer> Nodes { get; }

    /// <summary>Where clients connect: all of them, with commas between.</summary>
    public string Url => string.Join(',', Nodes.Select(node => node.Url));

    /// <summary>Starts one, and waits until it has a leader; where there is no server to start, the calling test is ignored, and says so.</summary>
    /// <param name="configuration">What the configuration of each has besides, as the server reads it: users, TLS, limits.</param>
    public static async Task<NatsCluster> RequireAsync(string configuration = "")
    {
        var ports = new HashSet<int>();
        while (ports.Count < 2 * Size)
        {
            ports.Add(LoopbackPort.ChooseNew());
        }

        var (clients, routes) = (ports.Take(Size).ToArray(), ports.Skip(Size).ToArray());
        var nodes = new List<NatsServer>();
        for (var node = 0; node < Size; node++)
        {
            nodes.Add(await NatsServer.PrepareAsync(
                $"n{node + 1}",
                clients[node],
                $$"""
                cluster {
                  name: test
                  listen: 127.0.0.1:{{routes[node]}}
                  routes: [{{string.Join(", ", routes.Select(port => $"nats://127.0.0.1:{port}"))}}]
                }
                {{configuration}}
                """));
        }

        var cluster = new NatsCluster(nodes);
        nodes.ForEach(node => node.Launch());
        // None is ready before there are enough of them for a leader.
        await Task.WhenAll(nodes.Select(node => node.WaitUntilReadyAsync()));
        return cluster;
    }

    /// <summary>The server that leads a stream.</summary>
    public async Task<NatsServer> FindLeaderAsync(string stream)
    {
        await using var connection = new NatsConnection(new NatsOpts { Url = Url });
        var name = (await new NatsJSContext(connection).GetStreamAsync(stream)).Info.Cluster!.Leader;
        return Nodes.Single(node => node.Name == name);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }
    }
}
