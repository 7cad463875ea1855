using CacheService.IntegrationTests.Infrastructure;
using CacheService.Replication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace CacheService.IntegrationTests.Replication;

/// <summary>The NATS server that the tests of followers share, each under a name of its own.</summary>
[SetUpFixture]
internal sealed class ReplicationSetUp
{
    private static NatsServer? _server;

    public static string Url => _server!.Url;

    /// <summary>Settings of a service that publishes, for one test.</summary>
    public static string[] Publishing(string name) => [$"--Nats:Url={Url}", $"--Nats:Name={name}", "--Nats:MaxMegabytes=32"];

    /// <summary>Settings of a follower, for one test.</summary>
    public static string[] Following(string name) => [.. Publishing(name), "--Feed:Source=Nats"];

    /// <summary>A test's own way to what services have of NATS.</summary>
    public static Broker NewBroker(NatsOptions options, ILoggerFactory? loggers = null) => new(Options.Create(options), loggers ?? NullLoggerFactory.Instance);

    /// <inheritdoc cref="NewBroker(NatsOptions, ILoggerFactory)"/>
    public static Broker NewBroker(string name) => NewBroker(new NatsOptions { Url = Url, Name = name, MaxMegabytes = 32 });

    /// <summary>A name that no other test has.</summary>
    public static string NewName() => $"t{Guid.NewGuid():N}"[..20];

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await NatsServer.RequireAsync();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }
}
