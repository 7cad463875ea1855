using CacheService.IntegrationTests.Security;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace CacheService.IntegrationTests.Infrastructure;

[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class NatsServerTests
{
    private const string Stream = "numbers";

    [Test]
    public async Task Server_StoppedKilledAndFrozen_KeepsPortAndStream()
    {
        await using var server = await NatsServer.RequireAsync();
        await using var connection = Connect(server.Url);
        var jetStream = new NatsJSContext(connection);
        await CreateStreamAsync(jetStream, replicas: 1);

        await PublishAsync(jetStream, 1);
        await server.RestartAsync();
        await PublishAsync(jetStream, 2);
        await server.KillAsync();
        await server.StartAgainAsync();
        await PublishAsync(jetStream, 3);
        await server.FreezeAsync();
        await Assert.CatchAsync<Exception>(() => connection.PingAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(1)), "frozen, it answers nothing");
        await server.ThawAsync();
        await PublishAsync(jetStream, 4);
    }

    [Test]
    public async Task Cluster_OneOfThreeKilled_GoesOn()
    {
        await using var cluster = await NatsCluster.RequireAsync();
        await using var connection = Connect(cluster.Url);
        var jetStream = new NatsJSContext(connection);
        await CreateStreamAsync(jetStream, replicas: 3);
        await PublishAsync(jetStream, 1);

        await cluster.Nodes[0].KillAsync();

        await PublishAsync(jetStream, 2);
        await cluster.Nodes[0].StartAgainAsync();
        await cluster.Nodes[1].KillAsync();
        await PublishAsync(jetStream, 3);
    }

    [Test]
    public async Task Configuration_UsersAndTls_AreHeeded()
    {
        using var certificates = new TestCertificates();
        await using var server = await NatsServer.RequireAsync(
            $$"""
            authorization { users = [ { user: oberon, password: puck } ] }
            tls { cert_file: "{{certificates.ServerFile}}", key_file: "{{certificates.ServerKeyFile}}" }
            """);
        var tls = new NatsTlsOpts { CaFile = certificates.AuthorityFile };

        await using var connection = new NatsConnection(new NatsOpts { Url = server.Url, TlsOpts = tls, AuthOpts = new NatsAuthOpts { Username = "oberon", Password = "puck" } });
        await connection.ConnectAsync();

        Assert.That(connection.ServerInfo!.TlsRequired);
        await using var stranger = new NatsConnection(new NatsOpts { Url = server.Url, TlsOpts = tls });
        await Assert.CatchAsync<NatsException>(async () => await stranger.ConnectAsync());
        await using var distrustful = new NatsConnection(new NatsOpts { Url = server.Url, AuthOpts = connection.Opts.AuthOpts });
        await Assert.CatchAsync<NatsException>(async () => await distrustful.ConnectAsync());
    }

    private static NatsConnection Connect(string url) => new(new NatsOpts { Url = url, ReconnectWaitMin = TimeSpan.FromMilliseconds(100), ReconnectWaitMax = TimeSpan.FromSeconds(1) });

    private static async Task CreateStreamAsync(NatsJSContext jetStream, int replicas) =>
        await jetStream.CreateStreamAsync(new StreamConfig(Stream, [Stream]) { Storage = StreamConfigStorage.File, NumReplicas = replicas });

    // What is there already is not put there twice.
    private static Task PublishAsync(NatsJSContext jetStream, ulong sequence) => Wait.UntilAsync(
        async () =>
        {
            try
            {
                var answer = await jetStream.PublishAsync(Stream, "", opts: new NatsJSPubOpts { MsgId = $"{sequence}" });
                answer.EnsureSuccess();
                Assert.That(answer.Seq, Is.EqualTo(sequence), "all are there that were put there");
                return true;
            }
            catch (NatsException)
            {
                // Between connections, or before a leader has been found.
                return false;
            }
        },
        RunningService.Patience,
        $"message {sequence} is in the stream");
}
