using System.Collections.Frozen;
using Google.Protobuf.Reflection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace CacheService.Api.Grpc.Reflection;

/// <summary>The files behind some services, by everything that they can be asked for by.</summary>
internal sealed class DescriptorIndex
{
    private readonly FrozenDictionary<string, FileDescriptor> _filesByName;
    private readonly FrozenDictionary<string, FileDescriptor> _filesBySymbol;
    private readonly FrozenDictionary<string, FrozenDictionary<int, FileDescriptor>> _extensionsByType;

    /// <summary>Indexes the files of <paramref name="services"/> and all that these depend on.</summary>
    public DescriptorIndex(params IReadOnlyList<ServiceDescriptor> services)
    {
        ServiceNames = [.. services.Select(service => service.FullName).Order(StringComparer.Ordinal)];

        var files = services.SelectMany(service => WithDependencies(service.File)).Distinct().ToList();
        _filesByName = files.ToFrozenDictionary(file => file.Name);
        _filesBySymbol = files
            .SelectMany(DescriptorNames.Of, (file, symbol) => (file, symbol))
            .ToFrozenDictionary(pair => pair.symbol, pair => pair.file);

        // Every message has an entry, so that a message without extensions differs from no message.
        var extensions = files.SelectMany(DescriptorNames.ExtensionsOf).ToLookup(extension => extension.ExtendeeType.FullName);
        _extensionsByType = files
            .SelectMany(DescriptorNames.MessagesOf)
            .ToFrozenDictionary(
                message => message.FullName,
                message => extensions[message.FullName].ToFrozenDictionary(field => field.FieldNumber, field => field.File));
    }

    /// <summary>The full names of the services, in order.</summary>
    public IReadOnlyList<string> ServiceNames { get; }

    /// <summary>A file and all that it depends on, each once, the file itself first.</summary>
    public static IReadOnlyCollection<FileDescriptor> WithDependencies(FileDescriptor file)
    {
        // The list grows while it is walked.
        var found = new List<FileDescriptor> { file };
        for (var i = 0; i < found.Count; i++)
            found.AddRange(found[i].Dependencies.Except(found));
        return found;
    }

    /// <summary>The file of the given name, or null.</summary>
    public FileDescriptor? FindFile(string name) => _filesByName.GetValueOrDefault(name);

    /// <summary>The file that declares the given full name, or null.</summary>
    public FileDescriptor? FindSymbol(string fullName) => _filesBySymbol.GetValueOrDefault(fullName);

    /// <summary>The file that declares the given extension of the given message, or null.</summary>
    public FileDescriptor? FindExtension(string message, int number) =>
        _extensionsByType.TryGetValue(message, out var files) ? files.GetValueOrDefault(number) : null;

    /// <summary>The numbers of the extensions of the given message, in order; null where there is no such message.</summary>
    public IEnumerable<int>? FindExtensionNumbers(string message) =>
        _extensionsByType.TryGetValue(message, out var files) ? files.Keys.Order() : null;
}
