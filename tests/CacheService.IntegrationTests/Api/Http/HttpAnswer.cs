using System.Net;
using System.Text.Json;
using Google.Protobuf;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>An answer over HTTP, with what it says.</summary>
internal sealed record HttpAnswer(HttpStatusCode Code, string? ContentType, string? ETag, string Body, HttpResponseMessage Response)
{
    /// <summary>The gRPC status of a problem.</summary>
    public string Status => Problem.GetProperty("code").GetString()!;

    /// <summary>The words of a problem.</summary>
    public string Detail => Problem.GetProperty("detail").GetString()!;

    private JsonElement Problem
    {
        get
        {
            Assert.That(ContentType, Is.EqualTo("application/problem+json"), Body);
            var problem = JsonDocument.Parse(Body).RootElement;
            Assert.That(problem.GetProperty("status").GetInt32(), Is.EqualTo((int)Code));
            Assert.That(problem.GetProperty("title").GetString(), Is.Not.Empty);
            return problem;
        }
    }

    /// <summary>The message in it.</summary>
    public T Message<T>()
        where T : IMessage<T>, new()
    {
        Assert.That((Code, ContentType), Is.EqualTo((HttpStatusCode.OK, "application/json")), Body);
        return JsonParser.Default.Parse<T>(Body);
    }

    public static async Task<HttpAnswer> OfAsync(HttpResponseMessage response) => new(
        response.StatusCode, response.Content.Headers.ContentType?.MediaType, response.Headers.ETag?.ToString(), await response.Content.ReadAsStringAsync(), response);
}
