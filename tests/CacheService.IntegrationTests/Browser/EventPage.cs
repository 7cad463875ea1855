using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using PuppeteerSharp;

namespace CacheService.IntegrationTests.Browser;

/// <summary>A web page of a server of its own that watches by EventSource, and keeps what it is told.</summary>
internal sealed class EventPage : IAsyncDisposable
{
    private const string Html =
        """
        <!doctype html>
        <title>counts</title>
        <script>
          const state = { counts: {}, told: 0, resets: 0, opened: 0, events: 0 };
          const source = new EventSource(new URLSearchParams(location.search).get('watch'));
          source.onopen = () => { state.opened++; };
          source.addEventListener('counts', (event) => {
            const message = JSON.parse(event.data);
            state.events++;
            if (message.reset) {
              state.counts = {};
              state.resets++;
            }
            for (const counts of message.counts) {
              state.counts[counts.messageId] = [Number(counts.retweets), Number(counts.likes)];
              state.told++;
            }
            for (const id of message.removedMessageIds) {
              delete state.counts[id];
            }
          });
        </script>
        """;

    private readonly WebApplication _app;

    private EventPage(WebApplication app) => _app = app;

    public string Origin => _app.Urls.Single();

    public static async Task<EventPage> StartAsync()
    {
        // Without configuration: the service's lies in the same folder.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var page = new EventPage(builder.Build());
        page._app.MapGet("/", () => Results.Content(Html, "text/html"));
        await page._app.StartAsync();
        return page;
    }

    /// <summary>Opens it in a browser, to watch a stream.</summary>
    public async Task<Shown> OpenAsync(Uri stream) => new(await Chromium.OpenPageAsync(new Uri($"{Origin}/?watch={Uri.EscapeDataString(stream.AbsoluteUri)}")));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>The page in a browser.</summary>
    internal sealed class Shown(IPage page) : IAsyncDisposable
    {
        /// <summary>What it knows by now.</summary>
        public Task<State> StateAsync() => page.EvaluateExpressionAsync<State>("state");

        public async ValueTask DisposeAsync() => await page.BrowserContext.CloseAsync();
    }

    /// <summary>What the page knows.</summary>
    /// <param name="Counts">By message: retweets and likes.</param>
    /// <param name="Told">How many counts it was told in all.</param>
    /// <param name="Resets">How often it was told to begin anew.</param>
    /// <param name="Opened">How many streams there were.</param>
    /// <param name="Events">How many events came.</param>
    internal sealed record State(Dictionary<long, long[]> Counts, int Told, int Resets, int Opened, int Events);
}
