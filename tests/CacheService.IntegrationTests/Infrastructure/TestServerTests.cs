using CacheService.Postgres.Embedded;
using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

[TestFixture]
public sealed class TestServerTests
{
    [Test]
    public async Task TestDatabase_WhenDisposed_IsDroppedWithItsConnections()
    {
        var database = await TestDatabase.CreateAsync();
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        Assert.That(connection.Database, Is.EqualTo(database.Name));

        await database.DisposeAsync();

        await using var command = new NpgsqlCommand("select 1", connection);
        await Assert.CatchAsync<NpgsqlException>(() => command.ExecuteScalarAsync());
        await using var again = new NpgsqlConnection(database.ConnectionString);
        var failure = await Assert.ThrowsAsync<PostgresException>(() => again.OpenAsync());
        Assert.That(failure!.SqlState, Is.EqualTo(PostgresErrorCodes.InvalidCatalogName));
    }

    [Test]
    public async Task RemoveLeftovers_AfterACrashedRun_StopsItsServerAndDeletesItsFolder()
    {
        var folder = TestFolders.NewPath();
        var server = await TestServer.StartEmbeddedAsync(folder);
        var used = TestFolders.NewPath();
        await using var running = await TestServer.StartEmbeddedAsync(used);
        server.Abandon();

        await TestFolders.RemoveLeftoversAsync();

        Assert.That(Directory.Exists(folder), Is.False);
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await Assert.CatchAsync<NpgsqlException>(() => connection.OpenAsync());
        Assert.That(PostmasterPid.Read(new DataLayout(used).Cluster), Is.Not.Null, "one that is in use runs on");
        await running.StopAsync();
        TestFolders.Delete(used);
    }

    [Test]
    public async Task Until_ConditionNeverHolds_FailsAndNamesIt()
    {
        var failure = await Assert.ThrowsAsync<TimeoutException>(() => Wait.UntilAsync(() => false, TimeSpan.Zero, "pigs fly"));

        Assert.That(failure!.Message, Does.Contain("until pigs fly"));
    }
}
