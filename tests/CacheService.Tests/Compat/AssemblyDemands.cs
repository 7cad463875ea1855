using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace CacheService.Tests.Compat;

/// <summary>What the metadata of an assembly, the consumer, asks of the assemblies that it refers to.</summary>
internal sealed class AssemblyDemands
{
    private readonly MetadataReader _reader;

    public AssemblyDemands(MetadataReader reader)
    {
        _reader = reader;
    }

    /// <summary>The types and members of the named assembly that the consumer refers to or overrides.</summary>
    public IReadOnlyCollection<string> Of(string assembly) =>
        [.. Types(assembly).Concat(Members(assembly)).Concat(Overrides(assembly)).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>What of <paramref name="surface"/> is missing, or would leave a type of the consumer without an implementation.</summary>
    public IReadOnlyCollection<string> Unmet(AssemblySurface surface) =>
        [.. Of(surface.Name).Where(demand => !surface.Has(demand)), .. Unimplemented(surface)];

    private IEnumerable<string> Types(string assembly) =>
        from handle in _reader.TypeReferences
        where AssemblyOf(handle) == assembly
        select SignatureText.Name(_reader, handle);

    private IEnumerable<string> Members(string assembly) =>
        from member in _reader.MemberReferences.Select(_reader.GetMemberReference)
        let parent = Resolve(member.Parent)
        where parent?.Assembly == assembly
        select $"{parent.Name}::{Text(member)}";

    private IEnumerable<string> Overrides(string assembly) =>
        from type in _reader.TypeDefinitions.Select(_reader.GetTypeDefinition)
        let parent = Resolve(type.BaseType)
        where parent?.Assembly == assembly
        from method in type.GetMethods().Select(_reader.GetMethodDefinition)
        where method.Attributes.HasFlag(MethodAttributes.Virtual) && !method.Attributes.HasFlag(MethodAttributes.NewSlot)
        where typeof(object).GetMethod(_reader.GetString(method.Name)) is null
        select $"virtual {parent.Name}::{Text(method)}";

    private IEnumerable<string> Unimplemented(AssemblySurface surface) =>
        from type in _reader.TypeDefinitions.Select(_reader.GetTypeDefinition)
        from parent in type.GetInterfaceImplementations()
            .Select(handle => Resolve(_reader.GetInterfaceImplementation(handle).Interface))
            .Append(type.Attributes.HasFlag(TypeAttributes.Abstract) ? null : Resolve(type.BaseType))
        where parent?.Assembly == surface.Name
        from member in surface.AbstractMembers(parent.Name, parent.Arguments)
        where !type.GetMethods().Select(handle => Text(_reader.GetMethodDefinition(handle))).Contains(member)
        select $"{_reader.GetString(type.Name)} does not implement {parent.Name}::{member}";

    private string Text(MethodDefinition method) =>
        SignatureText.Method(_reader.GetString(method.Name), method.DecodeSignature(SignatureText.Instance, []));

    private string Text(MemberReference member) => member.GetKind() == MemberReferenceKind.Field
        ? SignatureText.Field(_reader.GetString(member.Name), member.DecodeFieldSignature(SignatureText.Instance, []))
        : SignatureText.Method(_reader.GetString(member.Name), member.DecodeMethodSignature(SignatureText.Instance, []));

    private ReferencedType? Resolve(EntityHandle handle)
    {
        if (handle.Kind == HandleKind.TypeReference)
        {
            var reference = (TypeReferenceHandle)handle;
            return new ReferencedType(AssemblyOf(reference), SignatureText.Name(_reader, reference), []);
        }

        return handle.Kind == HandleKind.TypeSpecification ? ResolveInstantiation((TypeSpecificationHandle)handle) : null;
    }

    // A member of List<T> is declared by the open type; of the arguments, only those of a base type or an interface matter.
    private ReferencedType? ResolveInstantiation(TypeSpecificationHandle handle)
    {
        var blob = _reader.GetBlobReader(_reader.GetTypeSpecification(handle).Signature);
        if (blob.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
            return null;

        blob.ReadCompressedInteger();
        var generic = blob.ReadTypeHandle();
        if (generic.Kind != HandleKind.TypeReference)
            return null;

        var decoder = new SignatureDecoder<string, ImmutableArray<string>>(SignatureText.Instance, _reader, []);
        var arguments = new string[blob.ReadCompressedInteger()];
        for (var i = 0; i < arguments.Length; i++)
            arguments[i] = decoder.DecodeType(ref blob);
        return Resolve(generic)! with { Arguments = [.. arguments] };
    }

    private string? AssemblyOf(TypeReferenceHandle handle)
    {
        var scope = _reader.GetTypeReference(handle).ResolutionScope;
        return scope.Kind switch
        {
            HandleKind.AssemblyReference => _reader.GetString(_reader.GetAssemblyReference((AssemblyReferenceHandle)scope).Name),
            HandleKind.TypeReference => AssemblyOf((TypeReferenceHandle)scope),
            _ => null,
        };
    }
}
