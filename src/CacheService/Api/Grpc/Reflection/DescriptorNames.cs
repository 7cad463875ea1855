using Google.Protobuf.Reflection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace CacheService.Api.Grpc.Reflection;

/// <summary>Walks through what a .proto file declares.</summary>
internal static class DescriptorNames
{
    /// <summary>The full names of everything that <paramref name="file"/> declares.</summary>
    public static IEnumerable<string> Of(FileDescriptor file) =>
    [
        .. file.Services.SelectMany(Of),
        .. MessagesOf(file).SelectMany(Of),
        .. file.EnumTypes.SelectMany(type => Of(type, file.Package)),
        .. ExtensionsOf(file).Select(extension => extension.FullName),
    ];

    /// <summary>The messages of <paramref name="file"/>, nested ones too.</summary>
    public static IEnumerable<MessageDescriptor> MessagesOf(FileDescriptor file) => file.MessageTypes.SelectMany(WithNested);

    /// <summary>The extensions that <paramref name="file"/> declares, at the top or within a message.</summary>
    public static IEnumerable<FieldDescriptor> ExtensionsOf(FileDescriptor file) =>
        file.Extensions.UnorderedExtensions.Concat(MessagesOf(file).SelectMany(message => message.Extensions.UnorderedExtensions));

    private static IEnumerable<MessageDescriptor> WithNested(MessageDescriptor message) =>
        message.NestedTypes.SelectMany(WithNested).Prepend(message);

    private static IEnumerable<string> Of(ServiceDescriptor service) =>
        service.Methods.Select(method => method.FullName).Prepend(service.FullName);

    private static IEnumerable<string> Of(MessageDescriptor message) =>
    [
        message.FullName,
        .. message.Fields.InDeclarationOrder().Select(field => field.FullName),
        .. message.Oneofs.Select(oneof => oneof.FullName),
        .. message.EnumTypes.SelectMany(type => Of(type, message.FullName)),
    ];

    // The values of an enum are declared next to it, not within it.
    private static IEnumerable<string> Of(EnumDescriptor type, string scope) =>
        type.Values.Select(value => scope.Length == 0 ? value.Name : $"{scope}.{value.Name}").Prepend(type.FullName);
}
