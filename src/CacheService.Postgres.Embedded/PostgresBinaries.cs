using System.Globalization;
using System.Text.RegularExpressions;

namespace CacheService.Postgres.Embedded;

/// <summary>One installation of PostgreSQL: the folder of its programs, and its major version.</summary>
internal sealed partial record PostgresBinaries(string Folder, int MajorVersion)
{
    // What the files of sql/ need.
    private const int OldestMajorVersion = 14;

    private static readonly TimeSpan VersionTimeout = TimeSpan.FromSeconds(10);

    private static readonly string[] Programs = ["initdb", "pg_ctl", "postgres"];

    public string InitDb => Path.Combine(Folder, "initdb");

    public string PgCtl => Path.Combine(Folder, "pg_ctl");

    /// <summary>The psql of this installation; where it brings none, the one that the shell finds.</summary>
    public string Psql => File.Exists(Path.Combine(Folder, "psql")) ? Path.Combine(Folder, "psql") : "psql";

    /// <summary>
    /// The programs in <paramref name="pgHome"/> if that is set; else the first on <paramref name="path"/> or in
    /// <paramref name="places"/>, those of <paramref name="preferredVersion"/> before all others, so that a newer
    /// PostgreSQL installed beside the old one does not lock out existing data.
    /// </summary>
    public static async Task<PostgresBinaries> FindAsync(
        string? pgHome, string? path, IEnumerable<string> places, int? preferredVersion, CancellationToken cancellationToken)
    {
        var folders = string.IsNullOrEmpty(pgHome)
            ? (path ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Concat(places)
            : [Path.Combine(pgHome, "bin"), pgHome];

        PostgresBinaries? first = null;
        foreach (var folder in folders.Where(HasPrograms).Select(Path.GetFullPath))
        {
            var found = new PostgresBinaries(folder, await MajorVersionAsync(folder, cancellationToken));
            first ??= found;
            if (preferredVersion is null || found.MajorVersion == preferredVersion)
                return found.OrTooOld();
        }

        return first?.OrTooOld() ?? throw new EmbeddedPostgresException(Missing(pgHome));
    }

    private static bool HasPrograms(string folder) => Programs.All(program => File.Exists(Path.Combine(folder, program)));

    private static async Task<int> MajorVersionAsync(string folder, CancellationToken cancellationToken)
    {
        var result = await Command.RunAsync([Path.Combine(folder, "postgres"), "--version"], VersionTimeout, cancellationToken);
        var match = VersionPattern().Match(result.Output);
        return match.Success
            ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
            : throw new EmbeddedPostgresException($"{folder}/postgres --version says no version: {result.Summary}");
    }

    private PostgresBinaries OrTooOld() => MajorVersion >= OldestMajorVersion
        ? this
        : throw new EmbeddedPostgresException(
            $"PostgreSQL {MajorVersion} in {Folder} is too old: install {OldestMajorVersion} or newer, or set Embedded:PgHome to one");

    private static string Missing(string? pgHome) => string.IsNullOrEmpty(pgHome)
        ? "no PostgreSQL server programs (initdb, pg_ctl, postgres) found: install them (Debian, Ubuntu: apt-get install postgresql; "
            + "Fedora, RHEL: dnf install postgresql-server; macOS: brew install postgresql), or set Embedded:PgHome or PG_HOME to their "
            + "folder, or set ConnectionStrings:Postgres to use a server that runs"
        : $"no PostgreSQL server programs (initdb, pg_ctl, postgres) in {pgHome}, which Embedded:PgHome or PG_HOME names: "
            + "correct or unset it (to install them: apt-get install postgresql, dnf install postgresql-server, brew install postgresql)";

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex VersionPattern();
}

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
