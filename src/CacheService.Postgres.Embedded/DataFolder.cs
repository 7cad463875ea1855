namespace CacheService.Postgres.Embedded;

/// <summary>Where the embedded server keeps its data, unless told otherwise.</summary>
public static class DataFolder
{
    /// <summary>The file in the data folder that holds the embedded server's Npgsql connection string, in one line.</summary>
    public const string ConnectionStringFile = "connection-string";

    /// <summary>The script in the data folder that opens a psql on the embedded server.</summary>
    public const string PsqlFile = "psql";

    private const string Name = "cacheservice";

    /// <summary>
    /// The absolute path of the data folder: <c>Embedded__DataDirectory</c> if set, else the place where the
    /// operating system keeps such data for this user. Nothing is created.
    /// </summary>
    public static string Default { get; } = Find(Environment.GetEnvironmentVariable);

    internal static string Find(Func<string, string?> environment)
    {
        if (environment("Embedded__DataDirectory") is { Length: > 0 } chosen)
            return Path.GetFullPath(chosen);

        if (OperatingSystem.IsWindows() || OperatingSystem.IsMacOS())
            return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), Name);

        if (Environment.IsPrivilegedProcess)
            return Path.Combine("/var/lib", Name);

        // The XDG specification: a relative path there is to be ignored.
        return environment("XDG_DATA_HOME") is { } data && Path.IsPathFullyQualified(data)
            ? Path.Combine(data, Name)
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "share", Name);
    }
}
