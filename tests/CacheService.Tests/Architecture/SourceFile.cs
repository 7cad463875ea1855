using System.Text.RegularExpressions;

namespace CacheService.Tests.Architecture;

/// <summary>A file of the service's source.</summary>
/// <param name="Path">Where it is, from the service's folder on.</param>
/// <param name="Namespace">The namespace that it declares; empty if none.</param>
/// <param name="Usings">The namespaces and types of the service that its using directives name.</param>
internal sealed partial record SourceFile(string Path, string Namespace, IReadOnlyList<string> Usings)
{
    private const string Solution = "CacheService.sln";

    /// <summary>All of the service's files.</summary>
    public static IReadOnlyList<SourceFile> All()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(System.IO.Path.Combine(folder, Solution)))
        {
            folder = System.IO.Path.GetDirectoryName(folder) ?? throw new InvalidOperationException($"There is no {Solution} above the tests.");
        }

        var source = System.IO.Path.Combine(folder, "src", "CacheService");
        return
        [
            .. Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
                .Select(path => (Path: System.IO.Path.GetRelativePath(source, path), Text: File.ReadAllText(path)))
                .Where(file => !file.Path.StartsWith("obj", StringComparison.Ordinal) && !file.Path.StartsWith("bin", StringComparison.Ordinal))
                .Select(file => new SourceFile(file.Path, Declaration().Match(file.Text).Groups["name"].Value, [.. Using().Matches(file.Text).Select(match => match.Groups["name"].Value)])),
        ];
    }

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^using (static )?(\w+ = )?(?<name>CacheService[\w.]*);", RegexOptions.Multiline)]
    private static partial Regex Using();
}
