using System.Reflection;

namespace CacheService.Postgres;

/// <summary>The files of <c>sql/</c>, which this assembly carries.</summary>
internal static class SqlFiles
{
    private const string Prefix = "sql/";

    /// <summary>Looks at what is there, before any other creates anything.</summary>
    public const string Check = "010_check.sql";

    /// <summary>Their names, in the order in which they are applied.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. typeof(SqlFiles).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(name => name[Prefix.Length..])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>All of them, in the order in which they are applied.</summary>
    public static IReadOnlyList<SqlFile> All { get; } = [.. Names.Select(name => SqlFile.Parse(name, Read(name)))];

    /// <summary>What earlier versions of the service have recorded in a database.</summary>
    public static IReadOnlySet<string> EarlierNames { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "001_schema_files.sql", "002_tweet.sql", "003_change_log.sql", "004_consumers.sql", "005_triggers.sql", "006_roles.sql",
    };

    /// <summary>A file's text.</summary>
    public static string Read(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Prefix + name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
