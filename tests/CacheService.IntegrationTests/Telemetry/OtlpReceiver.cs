using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>Takes what is sent by OTLP over HTTP, and keeps the bodies.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Path, string Body)> _received = new();

    private OtlpReceiver()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRouting();
        _app = builder.Build();
        _app.Urls.Add("http://127.0.0.1:0");
        _app.MapPost("/v1/{signal}", async (HttpContext call) =>
        {
            using var body = new MemoryStream();
            await call.Request.Body.CopyToAsync(body);
            // Names in it are text as they are.
            _received.Enqueue((call.Request.Path, Encoding.Latin1.GetString(body.ToArray())));
        });
    }

    public string Address => _app.Urls.Single();

    public static async Task<OtlpReceiver> StartAsync()
    {
        var receiver = new OtlpReceiver();
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>Whether something with these words in it was sent to a path.</summary>
    public bool Has(string path, params string[] words) => _received.Any(one => one.Path == path && Array.TrueForAll(words, word => one.Body.Contains(word, StringComparison.Ordinal)));

    /// <summary>All that was sent.</summary>
    public string All => string.Join('\n', _received.Select(one => one.Body));

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
