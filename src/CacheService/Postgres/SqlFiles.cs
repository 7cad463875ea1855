using System.Reflection;

namespace CacheService.Postgres;

/// <summary>The files of <c>sql/</c>, which this assembly carries.</summary>
internal static class SqlFiles
{
    private const string Prefix = "sql/";

    /// <summary>Their names, in the order in which they are applied.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. typeof(SqlFiles).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(name => name[Prefix.Length..])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>A file's text.</summary>
    public static string Read(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Prefix + name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
