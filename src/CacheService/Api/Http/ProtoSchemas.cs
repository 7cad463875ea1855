using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Microsoft.OpenApi;

namespace CacheService.Api.Http;

/// <summary>Describes messages in protobuf's JSON as schemas of an OpenAPI document, from their descriptors.</summary>
internal sealed class ProtoSchemas(OpenApiDocument document)
{
    private const string WholeNumber = "^-?[0-9]+$";

    private readonly IDictionary<string, IOpenApiSchema> _schemas = (document.Components ??= new OpenApiComponents()).Schemas ??= new Dictionary<string, IOpenApiSchema>();

    /// <summary>A message's schema, which the document has under its name.</summary>
    public IOpenApiSchema Of(MessageDescriptor message)
    {
        if (message.FullName == Duration.Descriptor.FullName)
        {
            return new OpenApiSchema { Type = JsonSchemaType.String, Pattern = @"^-?[0-9]+(\.[0-9]{1,9})?s$", Description = "Seconds, such as 0.002s." };
        }

        if (message.FullName == Timestamp.Descriptor.FullName)
        {
            return new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" };
        }

        if (message.FullName == StringValue.Descriptor.FullName)
        {
            return new OpenApiSchema { Type = JsonSchemaType.String };
        }

        if (!_schemas.ContainsKey(message.Name))
        {
            var schema = new OpenApiSchema { Type = JsonSchemaType.Object, Properties = new Dictionary<string, IOpenApiSchema>() };
            _schemas.Add(message.Name, schema);
            foreach (var field in message.Fields.InDeclarationOrder())
            {
                schema.Properties.Add(field.JsonName, field.IsMap ? MapOf(field) : field.IsRepeated ? new OpenApiSchema { Type = JsonSchemaType.Array, Items = Of(field) } : Of(field));
            }
        }

        return new OpenApiSchemaReference(message.Name, document);
    }

    private OpenApiSchema MapOf(FieldDescriptor field) => new() { Type = JsonSchemaType.Object, AdditionalProperties = Of(field.MessageType.Fields.InFieldNumberOrder()[1]) };

    private IOpenApiSchema Of(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message => Of(field.MessageType),
        FieldType.Enum => new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. field.EnumType.Values.Select(value => value.Name)] },
        FieldType.String => new OpenApiSchema { Type = JsonSchemaType.String },
        FieldType.Bool => new OpenApiSchema { Type = JsonSchemaType.Boolean },
        FieldType.Int32 => new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32" },
        FieldType.Double => new OpenApiSchema { Type = JsonSchemaType.Number, Format = "double" },
        FieldType.Int64 => new OpenApiSchema { Type = JsonSchemaType.String, Format = "int64", Pattern = WholeNumber },
        FieldType.UInt64 => new OpenApiSchema { Type = JsonSchemaType.String, Format = "uint64", Pattern = WholeNumber },
        _ => throw new NotSupportedException($"{field.FullName} is of a type that no message had: say what it is in JSON"),
    };
}
