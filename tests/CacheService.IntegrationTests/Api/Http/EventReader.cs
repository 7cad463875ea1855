using System.Net.ServerSentEvents;
using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>Reads a stream of server-sent events, as an EventSource does.</summary>
internal sealed class EventReader : IAsyncDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly SseParser<WatchCountsResponse?> _parser;
    private readonly IAsyncEnumerator<SseItem<WatchCountsResponse?>> _items;

    private EventReader(HttpResponseMessage response, Stream stream)
    {
        _response = response;

        // A comment with an id has no data, and is no event.
        _parser = SseParser.Create(stream, static (_, data) => data.IsEmpty ? null : JsonParser.Default.Parse<WatchCountsResponse>(System.Text.Encoding.UTF8.GetString(data)));
        _items = _parser.EnumerateAsync().GetAsyncEnumerator();
    }

    /// <summary>What an EventSource sends to resume.</summary>
    public string LastEventId => _parser.LastEventId;

    public TimeSpan ReconnectionInterval => _parser.ReconnectionInterval;

    public HttpResponseMessage Response => _response;

    public static Task<EventReader> OpenAsync(RunningService service, string query, string? lastEventId = null) =>
        OpenAsync(new Uri(service.HttpAddress, $"v1/counts/watch?{query}"), lastEventId);

    public static async Task<EventReader> OpenAsync(Uri address, string? lastEventId = null)
    {
        var answer = await HttpCalls.SendAsync(HttpMethod.Get, address, null, lastEventId is null ? [] : [("Last-Event-ID", lastEventId)]);
        Assert.That(answer.ContentType, Is.EqualTo("text/event-stream"), answer.Body);
        return new EventReader(answer.Response, await answer.Response.Content.ReadAsStreamAsync());
    }

    /// <summary>The next event; null at the stream's end.</summary>
    public async Task<WatchCountsResponse?> TryNextAsync()
    {
        using var patience = new CancellationTokenSource(RunningService.Patience);
        while (await _items.MoveNextAsync().AsTask().WaitAsync(patience.Token))
        {
            if (_items.Current is { Data: { } data } item)
            {
                Assert.That(item.EventType, Is.EqualTo("counts"));
                return data;
            }
        }

        return null;
    }

    /// <summary>The next event.</summary>
    public async Task<WatchCountsResponse> NextAsync() => await TryNextAsync() ?? throw new EndOfStreamException("The stream has ended.");

    public ValueTask DisposeAsync()
    {
        // Cut off, as where a page is closed; the enumerator would wait for the stream's end.
        _response.Dispose();
        return ValueTask.CompletedTask;
    }
}
