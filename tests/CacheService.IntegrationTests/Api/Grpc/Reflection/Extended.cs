using Google.Protobuf;
using Google.Protobuf.Reflection;
using Field = Google.Protobuf.Reflection.FieldDescriptorProto.Types;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace CacheService.IntegrationTests.Reflection;

/// <summary>Two files with what the service's own lack: extensions and a nested enum.</summary>
internal static class Extended
{
    public static ServiceDescriptor Service { get; } = Build();

    private static ServiceDescriptor Build()
    {
        var kind = new EnumDescriptorProto { Name = "Kind", Value = { new EnumValueDescriptorProto { Name = "PLAIN", Number = 0 } } };
        var range = new DescriptorProto.Types.ExtensionRange { Start = 100, End = 200 };
        var extended = new FileDescriptorProto
        {
            Name = "probe/extended.proto",
            Package = "probe",
            Syntax = "proto2",
            MessageType = { new DescriptorProto { Name = "Extended", EnumType = { kind }, ExtensionRange = { range } } },
        };
        var method = new MethodDescriptorProto { Name = "Do", InputType = ".probe.Extended", OutputType = ".probe.Extended" };
        var extending = new FileDescriptorProto
        {
            Name = "probe/extending.proto",
            Package = "probe",
            Syntax = "proto2",
            Dependency = { extended.Name },
            Extension = { Extension("note", 101) },
            MessageType = { new DescriptorProto { Name = "Holder", Extension = { Extension("inner", 100) } } },
            Service = { new ServiceDescriptorProto { Name = "Extending", Method = { method } } },
        };
        return FileDescriptor.BuildFromByteStrings([extended.ToByteString(), extending.ToByteString()])[1].Services.Single();
    }

    private static FieldDescriptorProto Extension(string name, int number) => new()
    {
        Name = name,
        Number = number,
        Extendee = ".probe.Extended",
        Label = Field.Label.Optional,
        Type = Field.Type.String,
    };
}
