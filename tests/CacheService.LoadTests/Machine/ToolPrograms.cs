namespace CacheService.LoadTests.Machine;

/// <summary>Programs that others have written, where this machine has them.</summary>
internal sealed record ToolPrograms(string? Pgbench, string? PgDump, string? PgBaseBackup, string? H2Load, string? Etcd, string? Redis)
{
    /// <summary>pgbench, pg_dump and pg_basebackup come with PostgreSQL's other programs, or are on the path.</summary>
    public static ToolPrograms Find(string postgresPrograms)
    {
        return new ToolPrograms(OfPostgres("pgbench"), OfPostgres("pg_dump"), OfPostgres("pg_basebackup"), OnPath("h2load"), OnPath("etcd"), OnPath("redis-server"));

        string? OfPostgres(string program) => Path.Combine(postgresPrograms, program) is var path && File.Exists(path) ? path : OnPath(program);
    }

    private static string? OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);
}
