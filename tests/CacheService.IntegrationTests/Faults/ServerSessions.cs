using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Faults;

/// <summary>The service's sessions, as the server sees them.</summary>
internal static class ServerSessions
{
    /// <summary>Ends the service's sessions, or those for one purpose: "listener", "reader" or "pool".</summary>
    /// <returns>How many there were.</returns>
    public static Task<long> TerminateServiceAsync(this ITestDatabase database, string purpose = "") => database.QueryAsync<long>(
        $"select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and application_name like 'CacheService {purpose}%'");
}
