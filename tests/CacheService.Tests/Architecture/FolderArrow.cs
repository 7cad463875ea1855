namespace CacheService.Tests.Architecture;

/// <summary>Something in one folder of the service refers to something in another.</summary>
/// <param name="From">The folder that knows the other.</param>
/// <param name="To">The folder that is known.</param>
/// <param name="Evidence">What refers to what.</param>
internal sealed record FolderArrow(string From, string To, string Evidence)
{
    /// <summary>The name of the folder in which the service is put together.</summary>
    public const string Root = "(root)";

    /// <summary>All arrows, each as often as there is evidence of it.</summary>
    public static IReadOnlyList<FolderArrow> All(IReadOnlyList<SourceFile> files)
    {
        var types = typeof(ServiceApp).Assembly.GetTypes();
        var references = types.SelectMany(type => TypeReferences.Of(type).Select(other => (From: type, To: other))).Where(pair => IsOurs(pair.To)).ToList();
        var folders = types.Concat(references.Select(pair => pair.To)).Select(type => FolderOf(type.Namespace ?? "")).ToHashSet();
        return
        [
            .. references.Select(pair => new FolderArrow(FolderOf(pair.From.Namespace ?? ""), FolderOf(pair.To.Namespace!), $"{NameOf(pair.From)} -> {NameOf(pair.To)}"))
                .Where(arrow => IsFolderOfTheSource(arrow.From, files))
                .Concat(files.SelectMany(file => file.Usings.Select(used => new FolderArrow(FolderOf(file.Namespace), FolderOfName(used, folders), $"{file.Path} -> using {used}"))))
                .Where(arrow => arrow.From != arrow.To)
                .Distinct(),
        ];
    }

    /// <summary>The folder that a namespace of the service stands for.</summary>
    public static string FolderOf(string name) => name.StartsWith("CacheService.", StringComparison.Ordinal) ? name["CacheService.".Length..] : Root;

    // The namespaces of the service, and of the projects that it consists of.
    private static bool IsOurs(Type type) => type.Namespace is { } name && (name == "CacheService" || name.StartsWith("CacheService.", StringComparison.Ordinal));

    // What source generators bring along has namespaces of its own.
    private static bool IsFolderOfTheSource(string folder, IReadOnlyList<SourceFile> files) => files.Any(file => FolderOf(file.Namespace) == folder);

    private static string FolderOfName(string used, HashSet<string> folders)
    {
        var folder = FolderOf(used);
        while (!folders.Contains(folder))
        {
            // The name of a type, as of an alias.
            var dot = folder.LastIndexOf('.');
            folder = dot < 0 ? Root : folder[..dot];
        }

        return folder;
    }

    private static string NameOf(Type type)
    {
        while (type.DeclaringType is { } outer)
        {
            type = outer;
        }

        return type.FullName ?? type.Name;
    }
}
