using System.Text.RegularExpressions;
using CacheService.Tests.Documents;

namespace CacheService.Tests.Architecture;

/// <summary>A file of the service's source.</summary>
/// <param name="Path">Where it is, from the service's folder on.</param>
/// <param name="Namespace">The namespace that it declares; empty if none.</param>
/// <param name="Usings">The namespaces and types of the service that its using directives name.</param>
internal sealed partial record SourceFile(string Path, string Namespace, IReadOnlyList<string> Usings)
{
    private const string Folder = "src/CacheService/";

    /// <summary>All of the service's files.</summary>
    public static IReadOnlyList<SourceFile> All() =>
    [
        .. from entry in Repository.Entries
           where entry.StartsWith(Folder, StringComparison.Ordinal) && entry.EndsWith(".cs", StringComparison.Ordinal)
           let text = Repository.Read(entry)
           select new SourceFile(entry[Folder.Length..], Declaration().Match(text).Groups["name"].Value, [.. Using().Matches(text).Select(match => match.Groups["name"].Value)]),
    ];

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^using (static )?(\w+ = )?(?<name>CacheService[\w.]*);", RegexOptions.Multiline)]
    private static partial Regex Using();
}
