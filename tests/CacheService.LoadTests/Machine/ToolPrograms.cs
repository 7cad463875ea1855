namespace CacheService.LoadTests.Machine;

/// <summary>Programs that others have written, where this machine has them.</summary>
internal sealed record ToolPrograms(string? Pgbench, string? H2Load, string? Etcd, string? Redis)
{
    /// <summary>pgbench comes with PostgreSQL's other programs, or is on the path.</summary>
    public static ToolPrograms Find(string postgresPrograms)
    {
        var pgbench = Path.Combine(postgresPrograms, "pgbench");
        return new ToolPrograms(File.Exists(pgbench) ? pgbench : OnPath("pgbench"), OnPath("h2load"), OnPath("etcd"), OnPath("redis-server"));
    }

    private static string? OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);
}
