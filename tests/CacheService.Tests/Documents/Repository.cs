namespace CacheService.Tests.Documents;

/// <summary>The files that the tests were built from.</summary>
internal static class Repository
{
    private static readonly string[] NotOurs = ["bin", "obj", "artifacts", ".git"];

    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The documents: those beside the solution, and those in docs, relative to the root.</summary>
    public static IReadOnlyList<string> Documents { get; } =
    [
        .. Directory.EnumerateFiles(Root, "*.md").Concat(Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Root, file))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Files and folders, relative to the root, with slashes; without what a build makes.</summary>
    public static IReadOnlySet<string> Entries { get; } = Walk(new DirectoryInfo(Root)).ToHashSet();

    /// <summary>The text of a file, given relative to the root.</summary>
    public static string Read(string file) => File.ReadAllText(Path.Combine(Root, file)).ReplaceLineEndings("\n");

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "CacheService.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} has CacheService.sln.");
    }

    private static IEnumerable<string> Walk(DirectoryInfo folder)
    {
        foreach (var entry in folder.EnumerateFileSystemInfos().Where(entry => !NotOurs.Contains(entry.Name)))
        {
            yield return Path.GetRelativePath(Root, entry.FullName).Replace('\\', '/');
            if (entry is DirectoryInfo { LinkTarget: null } inner)
            {
                foreach (var file in Walk(inner))
                    yield return file;
            }
        }
    }
}
