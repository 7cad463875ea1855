using System.Net.Sockets;
using System.Text;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>Short ways to call a service over HTTP.</summary>
internal static class HttpCalls
{
    private static readonly HttpClient Client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = RunningService.Patience };

    public static Task<HttpAnswer> GetAsync(this RunningService service, string path, params (string Name, string Value)[] headers) => service.SendAsync(HttpMethod.Get, path, null, headers);

    public static Task<HttpAnswer> PostAsync(this RunningService service, string path, string? json = null, params (string Name, string Value)[] headers) =>
        service.SendAsync(HttpMethod.Post, path, json, headers);

    public static Task<HttpAnswer> SendAsync(this RunningService service, HttpMethod verb, string path, string? json, params (string Name, string Value)[] headers) =>
        SendAsync(verb, new Uri(service.HttpAddress, path), json, headers);

    public static async Task<HttpAnswer> SendAsync(HttpMethod verb, Uri address, string? json, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(verb, address);
        request.Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        // A stream is opened, and its beginning is not waited for.
        var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return response.Content.Headers.ContentType?.MediaType == "text/event-stream"
            ? new HttpAnswer(response.StatusCode, "text/event-stream", null, "", response)
            : await HttpAnswer.OfAsync(response);
    }

    /// <summary>All that comes until the server closes the connection.</summary>
    public static async Task<string> ReadToEndAsync(this NetworkStream stream)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var answer = new MemoryStream();
        try
        {
            await stream.CopyToAsync(answer, patience.Token);
        }
        catch (IOException)
        {
            // Reset, after what came.
        }

        return Encoding.Latin1.GetString(answer.ToArray());
    }
}
