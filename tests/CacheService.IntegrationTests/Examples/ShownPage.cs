using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.IntegrationTests.Examples;

/// <summary>A web page of a server of its own, which reports what it shows.</summary>
internal sealed class ShownPage : IAsyncDisposable
{
    private const string Reporter =
        """
        <script>
          const report = () => fetch('/report', { method: 'POST', body: document.body.innerText }).finally(() => setTimeout(report, 50));
          report();
        </script>
        """;

    private readonly WebApplication _app;
    private volatile string _text = "";

    private ShownPage(WebApplication app) => _app = app;

    /// <summary>What it shows to its reader.</summary>
    public string Text => _text;

    public string Origin => _app.Urls.Single();

    /// <summary>The page's HTML; to be set before a browser asks for it.</summary>
    public string Html { get; set; } = "";

    public static async Task<ShownPage> StartAsync()
    {
        // Without configuration: the service's lies in the same folder.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var page = new ShownPage(builder.Build());
        page._app.MapGet("/", () => Results.Content(page.Html + Reporter, "text/html"));
        page._app.MapPost("/report", async (HttpRequest request) =>
        {
            using var reader = new StreamReader(request.Body);
            page._text = await reader.ReadToEndAsync();
        });
        await page._app.StartAsync();
        return page;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
