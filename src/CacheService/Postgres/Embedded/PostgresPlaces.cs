using System.Globalization;

namespace CacheService.Postgres.Embedded;

/// <summary>Where packages put PostgreSQL's server programs, which are on PATH almost nowhere.</summary>
internal static class PostgresPlaces
{
    // {version} stands for whatever a folder's name has in its place.
    private static readonly string[] Patterns =
    [
        "/usr/lib/postgresql/{version}/bin", // Debian, Ubuntu
        "/usr/pgsql-{version}/bin", // PostgreSQL's packages for RHEL, Fedora, SUSE
        "/usr/libexec/postgresql{version}", // Alpine
        "/opt/homebrew/opt/postgresql@{version}/bin", // Homebrew on ARM
        "/usr/local/opt/postgresql@{version}/bin", // Homebrew on Intel
        "/Applications/Postgres.app/Contents/Versions/{version}/bin",
    ];

    /// <summary>The folders that exist on this machine, the newest version of each kind first.</summary>
    public static IEnumerable<string> Usual() => Patterns.SelectMany(NewestFirst).Append("/usr/local/pgsql/bin");

    private static IEnumerable<string> NewestFirst(string pattern)
    {
        var parts = pattern.Split("{version}");
        var parent = Path.GetDirectoryName(parts[0])!;
        var prefix = Path.GetFileName(parts[0]);
        if (!Directory.Exists(parent))
            return [];

        return Directory.EnumerateDirectories(parent, prefix + "*")
            .Select(folder => (Folder: folder, Version: Version(Path.GetFileName(folder)[prefix.Length..])))
            .Where(found => found.Version is not null)
            .OrderByDescending(found => found.Version)
            .Select(found => found.Folder + parts[1]);
    }

    private static double? Version(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var version) ? version : null;
}
