using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.IntegrationTests.Browser;

/// <summary>A web page of a server of its own that watches by EventSource, keeps what it is told, and reports it.</summary>
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
          const report = () => fetch('/report', { method: 'POST', body: JSON.stringify(state) }).finally(() => setTimeout(report, 50));
          report();
        </script>
        """;

    private readonly WebApplication _app;
    private volatile State? _reported;

    private EventPage(WebApplication app) => _app = app;

    /// <summary>What it has reported last; null: nothing yet.</summary>
    public State? Reported => _reported;

    public string Origin => _app.Urls.Single();

    public static async Task<EventPage> StartAsync()
    {
        // Without configuration: the service's lies in the same folder.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var page = new EventPage(builder.Build());
        page._app.MapGet("/", () => Results.Content(Html, "text/html"));
        page._app.MapPost("/report", async (HttpRequest request) => page._reported = await JsonSerializer.DeserializeAsync<State>(request.Body, JsonSerializerOptions.Web));
        await page._app.StartAsync();
        return page;
    }

    /// <summary>Where the page is that watches.</summary>
    public Uri Watching(Uri stream) => new($"{Origin}/?watch={Uri.EscapeDataString(stream.AbsoluteUri)}");

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>What the page knows.</summary>
    /// <param name="Counts">By message: retweets and likes.</param>
    /// <param name="Told">How many counts it was told in all.</param>
    /// <param name="Resets">How often it was told to begin anew.</param>
    /// <param name="Opened">How many streams there were.</param>
    /// <param name="Events">How many events came.</param>
    internal sealed record State(Dictionary<long, long[]> Counts, int Told, int Resets, int Opened, int Events);
}
