using CacheService.Feed;
using CacheService.Feed.Postgres;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.IntegrationTests.Feed;

internal sealed class ChangeLogReaderTests
{
    [Test]
    public async Task TellOthers_SessionWasEnded_SaysSo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var connections = new PostgresConnections(new DatabaseAddress(database.ConnectionString), Options.Create(new DatabaseOptions()), NullLogger<PostgresConnections>.Instance);
        await connections.ChoosePrimaryAsync(CancellationToken.None);
        using var reader = await ChangeLogReader.OpenAsync(connections, new FeedOptions(), "UTC", TimeProvider.System);

        await Wait.UntilAsync(async () => await database.TerminateServiceAsync("reader") == 0, RunningService.Patience, "the session has ended");

        // Else the next drain would not know what happened, and load everything afresh.
        var error = Assert.Catch<NpgsqlException>(reader.TellOthers);
        Assert.That(DatabaseErrors.Describe(error!), Does.Contain("57P01").Or.Contain("stream"));
    }
}
