using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Npgsql;

namespace CacheService.IntegrationTests.Postgres.Embedded;

[TestFixture]
public sealed class EmbeddedPostgresTests
{
    private string _folder = "";

    [SetUp]
    public void ChooseFolder() => _folder = TestFolders.NewPath();

    [TearDown]
    public void DeleteFolder() => TestFolders.Delete(_folder);

    [Test]
    public async Task Start_FirstTime_ServesAnEmptyDatabase()
    {
        await using var server = await TestServer.StartEmbeddedAsync(_folder);

        Assert.That(await ScalarAsync(server, "select current_database()"), Is.EqualTo("tweet"));
        Assert.That(await ScalarAsync(server, "select count(*) from pg_class where relnamespace = 'public'::regnamespace"), Is.EqualTo(0L));
        Assert.That(await ScalarAsync(server, "show password_encryption"), Is.EqualTo("scram-sha-256"));
    }

    private static async Task<object?> ScalarAsync(EmbeddedPostgres server, string sql)
    {
        var settings = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
