using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Upgrades;

/// <summary>An earlier version's <c>sql/</c>, unchanged: what databases in use have been made by.</summary>
/// <param name="Version">The name of its folder.</param>
internal sealed record Landed(string Version)
{
    /// <summary>All of them, the oldest first.</summary>
    public static readonly string[] Versions = ["7ed7426", "543c017", "c28a403", "ce1d6cc", "412e0f6"];

    /// <summary>Whether its service registered with two arguments: a name, and the seconds of the lease.</summary>
    public bool RegistersWithoutInstance => Version == Versions[0];

    /// <summary>Its files.</summary>
    public IEnumerable<(string Name, string Text)> Files =>
        Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Upgrades", "Landed", Version), "*.sql").Order(StringComparer.Ordinal).Select(path => (Path.GetFileName(path), File.ReadAllText(path)));

    /// <summary>Applies its files, as its service did.</summary>
    /// <param name="database">Where.</param>
    /// <param name="connectionString">As whom; null: as the database's own string says.</param>
    public async Task ApplyAsync(ITestDatabase database, string? connectionString = null)
    {
        // The files leave it to others where their role may not create it, and roles are of all databases: whoever comes first finds none.
        await database.ExecuteAsync("do $$ begin create role twcache_reader; exception when duplicate_object or unique_violation then null; end $$");
        await using var connection = new NpgsqlConnection(connectionString ?? database.ConnectionString);
        await connection.OpenAsync();
        foreach (var (_, text) in Files)
        {
            await connection.ExecuteAsync(text);
        }
    }

    /// <summary>A database made by it, with something in it, and a role of its readers.</summary>
    public async Task<TrialDatabase> CreateDatabaseAsync()
    {
        var database = await TrialDatabase.CreateEmptyAsync();
        await ApplyAsync(database);
        await database.GrantReaderAsync();
        await FaultStatements.FillAsync(database);
        return database;
    }

    public override string ToString() => Version;
}
