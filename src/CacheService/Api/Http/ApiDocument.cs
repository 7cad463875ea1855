using System.Globalization;
using System.Text.Json.Nodes;
using CacheService.Api.Problems;
using Grpc.Core;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace CacheService.Api.Http;

/// <summary>Writes the OpenAPI document from the routes and the messages' descriptors.</summary>
internal sealed class ApiDocument : IOpenApiDocumentTransformer
{
    private const string Problem = "Problem";
    private const string Key = "ApiKey";

    /// <summary>What every route may answer.</summary>
    private static readonly StatusCode[] CommonErrors =
        [StatusCode.InvalidArgument, StatusCode.Unauthenticated, StatusCode.PermissionDenied, StatusCode.ResourceExhausted, StatusCode.Internal, StatusCode.DeadlineExceeded];

    public Task TransformAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        var schemas = new ProtoSchemas(document);
        document.Info = new OpenApiInfo
        {
            Title = "CacheService",
            Version = "v1",
            Description = "Retweet and like counts from memory. The messages are those of protos/tweetcounts/v1, in protobuf's JSON: 64-bit numbers are strings.",
        };
        document.Components!.Schemas!.Add(Problem, ProblemSchema());
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [Key] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An API key, where the service asks for one." },
        };
        foreach (var route in HttpRoutes.All)
        {
            if (!document.Paths.TryGetValue(route.Path, out var path))
            {
                document.Paths.Add(route.Path, path = new OpenApiPathItem());
            }

            ((OpenApiPathItem)path).AddOperation(new HttpMethod(route.Verb), OperationOf(route, schemas, document));
        }

        return Task.CompletedTask;
    }

    private static OpenApiOperation OperationOf(HttpRoute route, ProtoSchemas schemas, OpenApiDocument document)
    {
        var operation = new OpenApiOperation
        {
            OperationId = route.OperationId ?? route.Method.Name,
            Summary = route.Summary,
            Parameters = [.. route.Parameters.Select(ParameterOf)],
            RequestBody = route.TakesFile ? new OpenApiRequestBody { Required = true, Content = new Dictionary<string, OpenApiMediaType> { ["text/csv"] = new() } }
                : route.Body is null ? null : new OpenApiRequestBody { Required = true, Content = Json(schemas.Of(route.Body), route.BodyExample!) },
            Responses = new OpenApiResponses
            {
                ["200"] = new OpenApiResponse
                {
                    Description = route.IsStream ? "Events named counts, each with this as its data." : "The answer.",
                    Content = Json(schemas.Of(route.Method.OutputType), route.Example, route.IsStream ? "text/event-stream" : "application/json"),
                },
            },
            Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Key, document)] = [] }],
        };
        if (route.Parameters.Contains(HttpParameter.IfNoneMatch))
        {
            operation.Responses["304"] = new OpenApiResponse { Description = "The counts are still those of the ETag that was sent." };
        }

        foreach (var errors in CommonErrors.Concat(route.Errors).Distinct().ToLookup(HttpProblem.HttpCodeOf).OrderBy(errors => errors.Key))
        {
            operation.Responses[errors.Key.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = string.Join(" or ", errors.Select(HttpProblem.NameOf)),
                Content = Json(new OpenApiSchemaReference(Problem, document), ExampleOf(errors.Key, errors.First()), "application/problem+json"),
            };
        }

        return operation;
    }

    private static IOpenApiParameter ParameterOf(HttpParameter parameter) => new OpenApiParameter
    {
        Name = parameter.Name,
        In = parameter.Place switch
        {
            HttpParameterPlace.Path => ParameterLocation.Path,
            HttpParameterPlace.Query => ParameterLocation.Query,
            _ => ParameterLocation.Header,
        },
        Required = parameter.Place == HttpParameterPlace.Path,
        Description = parameter.Description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = JsonValue.Create(parameter.Example),
    };

    private static OpenApiSchema ProblemSchema() => new()
    {
        Type = JsonSchemaType.Object,
        Description = "An error (RFC 9457).",
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = new OpenApiSchema { Type = JsonSchemaType.String },
            ["title"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "The HTTP code in words." },
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Description = "The HTTP code." },
            ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What is wrong, and what to do." },
            ["code"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "The gRPC status, such as NOT_FOUND." },
        },
    };

    private static string ExampleOf(int httpCode, StatusCode code) => new JsonObject
    {
        ["status"] = httpCode,
        ["detail"] = "what is wrong, and what to do",
        ["code"] = HttpProblem.NameOf(code),
    }.ToJsonString();

    private static Dictionary<string, OpenApiMediaType> Json(IOpenApiSchema schema, string example, string type = "application/json") =>
        new() { [type] = new OpenApiMediaType { Schema = schema, Example = JsonNode.Parse(example) } };
}
