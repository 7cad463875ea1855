using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace CacheService.Tests.Compat;

/// <summary>The metadata of an assembly that was never compiled, with one reference to a parameterless method that returns a string.</summary>
internal sealed class InventedConsumer : IDisposable
{
    private readonly MetadataReaderProvider _provider;

    public InventedConsumer(string assembly, string typeNamespace, string type, string method)
    {
        var builder = new MetadataBuilder();
        builder.AddModule(0, builder.GetOrAddString("Invented"), default, default, default);
        var reference = builder.AddAssemblyReference(
            builder.GetOrAddString(assembly), new Version(2, 0, 0, 0), default, default, default, default);
        var typeReference = builder.AddTypeReference(
            reference, builder.GetOrAddString(typeNamespace), builder.GetOrAddString(type));

        var signature = new BlobBuilder();
        new BlobEncoder(signature).MethodSignature(isInstanceMethod: true)
            .Parameters(0, returns => returns.Type().String(), _ => { });
        builder.AddMemberReference(typeReference, builder.GetOrAddString(method), builder.GetOrAddBlob(signature));

        var image = new BlobBuilder();
        new MetadataRootBuilder(builder).Serialize(image, methodBodyStreamRva: 0, mappedFieldDataStreamRva: 0);
        _provider = MetadataReaderProvider.FromMetadataImage(image.ToImmutableArray());
        Metadata = _provider.GetMetadataReader();
    }

    public MetadataReader Metadata { get; }

    public void Dispose() => _provider.Dispose();
}
