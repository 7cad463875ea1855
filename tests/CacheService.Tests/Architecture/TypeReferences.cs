using System.Reflection;
using System.Reflection.Emit;

namespace CacheService.Tests.Architecture;

/// <summary>
/// Which types a type refers to: in what it is made from, in its members' signatures and attributes, and in their bodies. A constant of another type leaves no trace,
/// because the compiler copies it.
/// </summary>
internal static class TypeReferences
{
    private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    private static readonly Dictionary<short, OpCode> Codes =
        typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    /// <summary>The types, generic ones without their arguments, which count by themselves.</summary>
    public static IReadOnlySet<Type> Of(Type type) =>
        OfDeclaration(type).Concat(type.GetMembers(Declared).SelectMany(OfMember)).OfType<Type>().SelectMany(Parts).ToHashSet();

    private static IEnumerable<Type?> OfDeclaration(Type type) =>
        [type.BaseType, .. type.GetInterfaces(), .. OfAttributes(type.GetCustomAttributesData()), .. OfConstraints(type.GetGenericArguments())];

    private static IEnumerable<Type?> OfMember(MemberInfo member) => OfAttributes(member.GetCustomAttributesData()).Concat(member switch
    {
        FieldInfo field => [field.FieldType],
        MethodBase method => OfSignature(method)
            .Concat(OfConstraints(method.IsGenericMethod ? method.GetGenericArguments() : []))
            .Concat(method.GetParameters().SelectMany(parameter => OfAttributes(parameter.GetCustomAttributesData())))
            .Concat(OfBody(method)),
        // Properties and events consist of methods; nested types speak for themselves.
        _ => [],
    });

    private static IEnumerable<Type?> OfSignature(MethodBase method) =>
        method.GetParameters().Select(parameter => (Type?)parameter.ParameterType).Append((method as MethodInfo)?.ReturnType);

    private static IEnumerable<Type?> OfConstraints(Type[] arguments) =>
        arguments.Where(argument => argument.IsGenericParameter).SelectMany(argument => argument.GetGenericParameterConstraints());

    private static IEnumerable<Type?> OfAttributes(IEnumerable<CustomAttributeData> attributes) => attributes.SelectMany(attribute =>
        attribute.ConstructorArguments.Concat(attribute.NamedArguments.Select(named => named.TypedValue))
            .SelectMany(argument => new[] { argument.ArgumentType, argument.Value as Type })
            .Append(attribute.AttributeType));

    private static IEnumerable<Type?> OfBody(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body)
        {
            return [];
        }

        var typeArguments = method.DeclaringType!.GetGenericArguments();
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        return Tokens(body.GetILAsByteArray()!)
            .SelectMany(token => OfOperand(method.Module.ResolveMember(token, typeArguments, methodArguments)))
            .Concat(body.LocalVariables.Select(local => local.LocalType))
            .Concat(body.ExceptionHandlingClauses.Select(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause ? clause.CatchType : null));
    }

    private static IEnumerable<Type?> OfOperand(MemberInfo? operand) => operand switch
    {
        Type type => [type],
        FieldInfo field => [field.DeclaringType, field.FieldType],
        MethodBase method => OfSignature(method).Concat(method.IsGenericMethod ? method.GetGenericArguments() : []).Append(method.DeclaringType),
        _ => [],
    };

    /// <summary>The metadata tokens among the operands of a body.</summary>
    private static IEnumerable<int> Tokens(byte[] body)
    {
        const byte FirstOfTwo = 0xFE;
        for (var at = 0; at < body.Length;)
        {
            var code = Codes[body[at] == FirstOfTwo ? (short)((FirstOfTwo << 8) | body[at + 1]) : body[at]];
            at += code.Size;
            if (code.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType)
            {
                yield return BitConverter.ToInt32(body, at);
            }

            at += code.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(body, at)),
                _ => 4,
            };
        }
    }

    private static IEnumerable<Type> Parts(Type type) =>
        type.HasElementType ? Parts(type.GetElementType()!)
        : type.IsGenericParameter || type.IsFunctionPointer ? []
        : type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition())
        : [type];
}
