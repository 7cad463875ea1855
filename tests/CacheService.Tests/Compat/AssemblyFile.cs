using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace CacheService.Tests.Compat;

/// <summary>The metadata of an assembly next to the tests, without loading it.</summary>
internal sealed class AssemblyFile : IDisposable
{
    private readonly PEReader _file;

    public AssemblyFile(string name)
    {
        _file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, $"{name}.dll")));
        Metadata = _file.GetMetadataReader();
    }

    public MetadataReader Metadata { get; }

    public void Dispose() => _file.Dispose();
}
