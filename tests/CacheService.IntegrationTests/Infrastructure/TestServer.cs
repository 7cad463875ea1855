using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>
/// The PostgreSQL that all tests of a run share: a private one; or the one that TWCACHE_TEST_POSTGRES, a connection string of a role that
/// may create databases and roles, names; or a container of the image that TWCACHE_TEST_CONTAINER names, such as <c>postgres:17-alpine</c>.
/// </summary>
internal static class TestServer
{
    private const string ExternalServer = "TWCACHE_TEST_POSTGRES";
    private const string ContainerImage = "TWCACHE_TEST_CONTAINER";

    // Data that nobody needs after a crash.
    private static readonly Dictionary<string, string> FastSettings = new()
    {
        ["fsync"] = "off",
        ["full_page_writes"] = "off",
        ["max_connections"] = "200",
        ["max_prepared_transactions"] = "0",
    };

    private static string? _connectionString;
    private static Func<Task> _stop = () => Task.CompletedTask;

    /// <summary>As a superuser, or what TWCACHE_TEST_POSTGRES says, to a database that tests leave alone: see <see cref="TestDatabase"/>.</summary>
    public static string ConnectionString => _connectionString ?? throw new InvalidOperationException("The test server has not been started.");

    internal static async Task StartAsync()
    {
        if (Environment.GetEnvironmentVariable(ExternalServer) is { Length: > 0 } external)
        {
            _connectionString = external;
            return;
        }

        if (Environment.GetEnvironmentVariable(ContainerImage) is { Length: > 0 } image)
        {
            var container = new ContainerServer(image);
            _stop = async () => await container.DisposeAsync();
            _connectionString = await container.StartAsync();
            return;
        }

        await TestFolders.RemoveLeftoversAsync();
        var folder = TestFolders.NewPath();
        var server = await StartEmbeddedAsync(folder);
        _stop = async () =>
        {
            await server.StopAsync();
            TestFolders.Delete(folder);
        };
        _connectionString = server.ConnectionString;
    }

    internal static Task StopAsync() => _stop();

    /// <summary>A private server for a test that must stop, crash or look into its own. The caller stops it and deletes the folder.</summary>
    /// <param name="folder">Its data folder.</param>
    /// <param name="settings">Settings of postgresql.conf besides those that make it fast.</param>
    internal static Task<EmbeddedPostgres> StartEmbeddedAsync(string folder, params (string Name, string Value)[] settings)
    {
        var options = new EmbeddedOptions { DataDirectory = folder };
        var all = new Dictionary<string, string>(FastSettings);
        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        return EmbeddedPostgres.StartAsync(options, all, NullLogger.Instance, CancellationToken.None);
    }
}
