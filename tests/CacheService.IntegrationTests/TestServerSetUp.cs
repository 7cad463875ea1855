using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests;

/// <summary>Starts the one PostgreSQL of the run before the first test and stops it after the last. It covers this namespace and those below.</summary>
[SetUpFixture]
public sealed class TestServerSetUp
{
    [OneTimeSetUp]
    public Task StartServer() => TestServer.StartAsync();

    [OneTimeTearDown]
    public Task StopServer() => TestServer.StopAsync();
}
