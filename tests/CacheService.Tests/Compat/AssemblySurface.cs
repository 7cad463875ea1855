using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;

namespace CacheService.Tests.Compat;

/// <summary>The types and members of an assembly that another assembly may use.</summary>
internal sealed class AssemblySurface
{
    private readonly MetadataReader _reader;
    private readonly Dictionary<string, TypeDefinition> _types = [];
    private readonly HashSet<string> _names = [];

    public AssemblySurface(MetadataReader reader)
    {
        _reader = reader;
        Name = reader.GetString(reader.GetAssemblyDefinition().Name);
        foreach (var handle in reader.TypeDefinitions)
        {
            var type = reader.GetTypeDefinition(handle);
            if (IsVisible(type.Attributes))
                Add(SignatureText.Name(reader, handle), type);
        }
    }

    public string Name { get; }

    /// <summary>Whether the assembly has what <paramref name="demand"/> names, in the notation of <see cref="AssemblyDemands"/>.</summary>
    public bool Has(string demand) => _names.Contains(demand);

    /// <summary>The members that whoever derives from the type, or implements it, must have.</summary>
    public IEnumerable<string> AbstractMembers(string type, ImmutableArray<string> typeArguments) =>
        _types.TryGetValue(type, out var definition)
            ? definition.GetMethods()
                .Select(_reader.GetMethodDefinition)
                .Where(method => method.Attributes.HasFlag(MethodAttributes.Abstract))
                .Select(method => Text(method, typeArguments))
            : [];

    private static bool IsVisible(TypeAttributes attributes) =>
        (attributes & TypeAttributes.VisibilityMask) is TypeAttributes.Public
            or TypeAttributes.NestedPublic or TypeAttributes.NestedFamily or TypeAttributes.NestedFamORAssem;

    private static bool IsVisible(MethodAttributes attributes) =>
        (attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Public
            or MethodAttributes.Family or MethodAttributes.FamORAssem;

    private void Add(string typeName, TypeDefinition type)
    {
        _types.Add(typeName, type);
        _names.Add(typeName);
        foreach (var field in type.GetFields().Select(_reader.GetFieldDefinition))
        {
            if ((field.Attributes & FieldAttributes.FieldAccessMask) == FieldAttributes.Public)
                _names.Add($"{typeName}::{SignatureText.Field(_reader.GetString(field.Name), field.DecodeSignature(SignatureText.Instance, []))}");
        }

        foreach (var method in type.GetMethods().Select(_reader.GetMethodDefinition).Where(method => IsVisible(method.Attributes)))
        {
            _names.Add($"{typeName}::{Text(method, [])}");
            if (method.Attributes.HasFlag(MethodAttributes.Virtual))
                _names.Add($"virtual {typeName}::{Text(method, [])}");
        }
    }

    private string Text(MethodDefinition method, ImmutableArray<string> typeArguments) =>
        SignatureText.Method(_reader.GetString(method.Name), method.DecodeSignature(SignatureText.Instance, typeArguments));
}
