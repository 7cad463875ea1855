using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Interop;

/// <summary>The service as the programs of this folder expect it.</summary>
internal static class InteropService
{
    /// <summary>Starts the service on 20 messages with known counts: see <c>unary_calls.py</c>.</summary>
    public static async Task<RunningService> StartWithMessagesAsync(TestDatabase database, params string[] settings)
    {
        var service = await RunningService.StartAsync(database.ConnectionString, settings);
        await database.AddMessagesAsync(20);
        await database.ExecuteAsync(
            """
            insert into tweet.activity (messageid, action) select n, 'rt' from generate_series(1, 20) n, generate_series(1, n);
            insert into tweet.activity (messageid, action) select 3, 'fav' from generate_series(1, 100);
            insert into tweet.activity (messageid, action) values (1, 'de-rt'), (1, 'de-rt')
            """);
        await service.AssertEqualsViewAsync(database);
        return service;
    }
}
