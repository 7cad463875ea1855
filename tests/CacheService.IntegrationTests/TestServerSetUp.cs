using CacheService.IntegrationTests.Browser;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests;

/// <summary>Starts the one PostgreSQL of the run before the first test of this namespace or one below, and stops it after the last, with the browser that some have started.</summary>
[SetUpFixture]
public sealed class TestServerSetUp
{
    [OneTimeSetUp]
    public Task StartServer() => TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopServer()
    {
        await Chromium.StopAsync();
        await TestServer.StopAsync();
    }
}
