using System.Globalization;
using CacheService.Api.Messages;
using CacheService.Api.Watches;
using CacheService.Watching;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using TweetCounts.V1;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.Api.Http;

/// <summary>
/// A watch as server-sent events, which a browser's EventSource reads and resumes by itself: the id of an event says what has been told, and comes back as
/// <c>Last-Event-ID</c>. It is <c>EPOCH:REVISION</c>, and <c>EPOCH:REVISION:SEEN</c> where some of what has been told may be ahead of that revision, which is 0 where everything is to be told
/// anew.
/// </summary>
/// <param name="context">The request.</param>
/// <param name="isSilent">Whether what tells only the freshness is a comment, which no EventSource shows, and not an event.</param>
internal sealed class EventStream(HttpContext context, bool isSilent) : IWatchClient
{
    /// <summary>How often a stream where nothing happens sends a comment: proxies end connections that are silent for a minute, some sooner.</summary>
    public static readonly TimeSpan CommentInterval = TimeSpan.FromSeconds(15);

    private const string LastEventIdHeader = "Last-Event-ID";
    private const string LastEventId = "last_event_id";

    private FeedState? _toldState;

    public CancellationToken Gone => context.RequestAborted;

    /// <summary>Notes where an earlier stream got to, if there was one. An id that is none of ours is that of another epoch, so that the client is told to begin anew.</summary>
    public static void Resume(WatchCountsRequest request, HttpCall call)
    {
        var id = call.Context.Request.Headers[LastEventIdHeader].FirstOrDefault() is { Length: > 0 } sent ? sent : call.Text(LastEventId) ?? "";
        var parts = id.Split(':');
        if (parts.Length is 2 or 3 && TryParse(parts[1], out var revision) && TryParse(parts[^1], out var seen))
        {
            (request.ResumeEpoch, request.ResumeRevision) = (parts[0], revision);
            request.Seen = new WatchPoint { Epoch = parts[0], Revision = seen };
        }
        else
        {
            request.ResumeEpoch = id;
        }

        static bool TryParse(string text, out ulong number) => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    public async Task WriteAsync(WatchReply reply)
    {
        if (!context.Response.HasStarted)
        {
            await StartAsync();
        }

        var output = context.Response.BodyWriter;
        var tellsState = reply.State != _toldState;
        _toldState = reply.State;
        if (isSilent && reply.Batch.IsEmpty && !tellsState)
        {
            EncodedEvent.WriteComment(output, reply);
        }
        else
        {
            EncodedEvent.Write(output, reply);
        }

        await output.FlushAsync();
    }

    public void Abort() => context.Abort();

    /// <summary>Ends a stream that has told nothing. After an error an EventSource would not come again; so it does, and says where it was.</summary>
    public async Task EndAsync(string reason)
    {
        var write = WriteAsync();
        try
        {
            await write.WaitAsync(SubscriptionOptions.PatienceAtTheEnd);
        }
        catch (TimeoutException)
        {
            Abort();
            await write.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task WriteAsync()
        {
            await StartAsync();
            await context.Response.WriteAsync($": {reason}\n\n");
        }
    }

    private async Task StartAsync()
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache";
        // nginx, and those who follow it, pass on at once what comes.
        response.Headers["X-Accel-Buffering"] = "no";
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            // How long a client may read nothing, Watch:StuckClientTimeout says.
            rate.MinDataRate = null;
        }

        await response.StartAsync();
        // A client that is cut off comes again after a second, and not only after some.
        await response.WriteAsync("retry: 1000\n\n");
    }
}
