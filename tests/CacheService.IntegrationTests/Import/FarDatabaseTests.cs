using CacheService.Import;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Import;

/// <summary>A database that is far away: what is on its way is nobody's load, and no reason to do little at a time.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class FarDatabaseTests
{
    [Test]
    public async Task Import_IntoADatabaseFarAway_IsMergedInLargeBatches()
    {
        await using var artists = await ArtistTable.CreateAsync();
        var near = new NpgsqlConnectionStringBuilder(artists.Database.ConnectionString);
        await using var proxy = new SwallowingProxy(near.Port) { Delay = TimeSpan.FromMilliseconds(5) };
        var far = new NpgsqlConnectionStringBuilder(artists.Database.ConnectionString) { Host = "127.0.0.1", Port = proxy.Port, Pooling = false };
        var file = artists.Write("all.csv", Enumerable.Range(1, 3_000).Select(id => ArtistTable.Line(id)));
        await using var connection = new NpgsqlConnection(far.ConnectionString);
        await connection.OpenAsync();
        await new Importer(new ConnectionSession(connection), ArtistTable.OrderOf(file), askService: null, TimeProvider.System, _ => { }, _ => Task.CompletedTask)
            .RunAsync(CancellationToken.None).WaitAsync(RunningService.Patience);
        Assert.That(await artists.Database.QueryAsync<long>("select count(distinct xmin::text) from moma.artist"), Is.LessThan(300), "transactions");
    }
}
