using System.Text.Json;
using CacheService.Api.Http;
using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>The OpenAPI document says what there is.</summary>
internal sealed class OpenApiTests
{
    [Test]
    public async Task Document_OfTheService_HasEveryRouteItsErrorsAndExamples()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        var answer = await service.GetAsync("openapi/v1.json");
        Assert.That(answer.ContentType, Is.EqualTo("application/json"));
        var document = JsonDocument.Parse(answer.Body).RootElement;
        Assert.That(document.GetProperty("openapi").GetString(), Does.StartWith("3."));

        var paths = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(verb => (Verb: verb.Name.ToUpperInvariant(), Path: path.Name, Operation: verb.Value))).ToList();
        Assert.That(paths.Select(path => (path.Verb, path.Path)), Is.EquivalentTo(HttpRoutes.All.Select(route => (route.Verb, route.Path))));
        Assert.That(paths.Select(path => path.Operation.GetProperty("operationId").GetString()), Is.Unique);
        var schemas = document.GetProperty("components").GetProperty("schemas");
        foreach (var (verb, path, operation) in paths)
        {
            var route = HttpRoutes.All.Single(route => (route.Verb, route.Path) == (verb, path));
            var parameters = operation.TryGetProperty("parameters", out var some) ? some.EnumerateArray().Select(parameter => parameter.GetProperty("name").GetString()).ToList() : [];
            Assert.That(parameters, Is.EqualTo(route.Parameters.Select(parameter => parameter.Name)), path);

            var content = operation.GetProperty("responses").GetProperty("200").GetProperty("content").EnumerateObject().Single();
            Assert.That(content.Name, Is.EqualTo(route.IsStream ? "text/event-stream" : "application/json"));
            Assert.That(content.Value.GetProperty("schema").GetProperty("$ref").GetString(), Is.EqualTo($"#/components/schemas/{route.Method.OutputType.Name}"));
            Assert.That(JsonParser.Default.Parse(content.Value.GetProperty("example").GetRawText(), route.Method.OutputType).CalculateSize(), Is.Positive, "the example is such an answer");
            Assert.That(schemas.GetProperty(route.Method.OutputType.Name).GetProperty("properties").EnumerateObject().Select(field => field.Name), Is.EquivalentTo(route.Method.OutputType.Fields.InDeclarationOrder().Select(field => field.JsonName)));
            if (route.Body is not null)
            {
                var body = operation.GetProperty("requestBody").GetProperty("content").GetProperty("application/json");
                Assert.That(JsonParser.Default.Parse(body.GetProperty("example").GetRawText(), route.Body).CalculateSize(), Is.Positive);
            }

            foreach (var code in (string[])["400", "401", "403", "429", "500", "504"])
            {
                Assert.That(operation.GetProperty("responses").GetProperty(code).GetProperty("content").TryGetProperty("application/problem+json", out _), $"{path} {code}");
            }
        }
    }
}
