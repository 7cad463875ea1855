using CacheService.Postgres.Embedded;
using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>PostgreSQL's programs for its users: psql, pg_dump, pg_restore.</summary>
internal static class PostgresTools
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(120);

    private static string? _folder;

    /// <summary>Where they are, unless the distribution has them elsewhere, on PATH.</summary>
    // Looked for once, because to look is to run a program of each installation.
    public static async Task<string> FolderAsync() => _folder ??= (await PostgresBinaries.FindAsync(
        Environment.GetEnvironmentVariable("PG_HOME"), Environment.GetEnvironmentVariable("PATH"), PostgresPlaces.Usual(), preferredVersion: null, CancellationToken.None)).Folder;

    /// <summary>Runs one on a database.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="database">The database.</param>
    /// <param name="arguments">What follows <c>-d</c> and the database.</param>
    /// <returns>What it printed; it has succeeded.</returns>
    public static async Task<string> RunAsync(string program, string database, params string[] arguments)
    {
        var result = await TryRunAsync(program, database, arguments);
        Assert.That(result.Succeeded, $"{program} {string.Join(' ', arguments)}: {result.Output}");
        return result.Output;
    }

    /// <summary>As above; it may fail.</summary>
    public static async Task<CommandResult> TryRunAsync(string program, string database, params string[] arguments)
    {
        var path = Path.Combine(await FolderAsync(), program);
        var target = new NpgsqlConnectionStringBuilder(database);
        var words = $"host={target.Host} port={target.Port} user={target.Username} password={target.Password} dbname={target.Database}";
        // Some distributions have the clients elsewhere.
        return await Command.RunAsync([File.Exists(path) ? path : program, "-d", words, .. arguments], Timeout, CancellationToken.None);
    }

    /// <summary>Dumps a database into a file in the custom format.</summary>
    public static Task DumpAsync(ITestDatabase database, string file, params string[] arguments) =>
        RunAsync("pg_dump", database.ConnectionString, ["-Fc", "-f", file, .. arguments]);

    /// <summary>Restores a file into a database.</summary>
    public static Task RestoreAsync(ITestDatabase database, string file, params string[] arguments) =>
        RunAsync("pg_restore", database.ConnectionString, [.. arguments, file]);

    /// <summary>Replaces all of a database by what a file has, in one transaction; where it and others lock each other out, again.</summary>
    public static Task ReplaceAsync(ITestDatabase database, string file) => UntilDoneAsync(() => TryRunAsync("pg_restore", database.ConnectionString, "--clean", "--if-exists", "--single-transaction", file));

    /// <summary>As above, by dropping its schemas first: what <c>--clean</c> says of partitions and their constraints is more than PostgreSQL lets it do.</summary>
    public static async Task ReplaceSchemasAsync(ITestDatabase database, string file, params string[] schemas)
    {
        await UntilDoneAsync(() => TryRunAsync("psql", database.ConnectionString, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-c", $"drop schema {string.Join(", ", schemas)} cascade"));
        await RestoreAsync(database, file, "--single-transaction");
    }

    private static Task UntilDoneAsync(Func<Task<CommandResult>> run) => Wait.UntilAsync(
        async () =>
        {
            var result = await run();
            Assert.That(result.Succeeded || result.Output.Contains("deadlock detected", StringComparison.Ordinal), result.Output);
            return result.Succeeded;
        },
        RunningService.Patience,
        "it is restored");
}
