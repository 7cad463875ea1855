using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace CacheService.IntegrationTests.Postgres.Embedded;

/// <summary>A data folder for each test, gone with whatever runs on it when the test ends.</summary>
public abstract class EmbeddedFixture
{
    private protected DataLayout Layout { get; private set; } = null!;

    /// <summary>The server's process; null when none runs.</summary>
    private protected int? Pid => PostmasterPid.Read(Layout.Cluster)?.Pid;

    [SetUp]
    public void ChooseFolder() => Layout = new(TestFolders.NewPath());

    [TearDown]
    public async Task DeleteFolder()
    {
        if (File.Exists(Layout.Lock))
            await EmbeddedPostgres.StopOrphanAsync(new() { DataDirectory = Layout.Root }, NullLogger.Instance, CancellationToken.None);

        TestFolders.Delete(Layout.Root);
    }

    private protected Task<EmbeddedPostgres> StartAsync(
        string? pgHome = null, int port = 0, ILogger? logger = null, Dictionary<string, string>? settings = null,
        CancellationToken cancellationToken = default)
    {
        var options = new EmbeddedOptions { DataDirectory = Layout.Root, PgHome = pgHome, Port = port, StopTimeout = TimeSpan.FromSeconds(2) };
        var all = new Dictionary<string, string>(settings ?? []) { ["fsync"] = "off", ["shared_buffers"] = "16MB" };
        return EmbeddedPostgres.StartAsync(options, all, logger ?? NullLogger.Instance, cancellationToken);
    }

    private protected static async Task<object?> ScalarAsync(EmbeddedPostgres server, string sql)
    {
        var settings = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    private protected async Task<EmbeddedPostgresException> StartFailsAsync(
        string? pgHome = null, int port = 0, Dictionary<string, string>? settings = null)
    {
        var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => StartAsync(pgHome, port, settings: settings));
        Assert.That(failure!.Message, Does.Not.Contain('\n'));
        return failure;
    }
}
