using CacheService.Api.Messages;
using CacheService.Api.Watches;
using CacheService.Auditing;
using CacheService.Feed;
using CacheService.History;
using CacheService.Reading;
using CacheService.Reloading;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Http;

/// <summary>The handlers of the API over HTTP.</summary>
internal sealed class TweetCountsHttpService(
    CountsReader reader, DatabaseReader databaseReader, WatchStreams watches, Replies replies, StatusReply status, RecentHistory history, CacheList caches, Auditor auditor, Reloader reloader)
{
    public async Task GetCounts(HttpCall call)
    {
        var (messageId, terms) = (call.MessageId, call.Terms());
        var response = terms.FromDatabase ? replies.One(await databaseReader.ReadAsync(messageId, terms)) : replies.One(await reader.ReadAsync(messageId, terms));
        await call.AnswerAsync(response, response.Freshness, response.Counts.Revision);
    }

    public Task ListCounts(HttpCall call) => GetManyAsync(call, [.. call.MessageIds], call.Terms());

    public async Task BatchGetCounts(HttpCall call)
    {
        var request = await call.ReadBodyAsync<BatchGetCountsRequest>();
        await GetManyAsync(call, request.MessageIds, call.Terms(request.Read));
    }

    public async Task GetMessage(HttpCall call)
    {
        var (messageId, terms) = (call.MessageId, call.Terms());
        if (terms.FromDatabase)
        {
            var (text, reading) = await databaseReader.ReadMessageAsync(messageId, terms);
            await call.AnswerAsync(replies.Message(messageId, text, reading));
        }
        else
        {
            await call.AnswerAsync(replies.Message(await reader.ReadMessageAsync(messageId, terms, call.Cancelled)));
        }
    }

    public async Task ListTopCounts(HttpCall call)
    {
        var order = call.OneOf("order", ("total", TopOrder.Total), ("retweets", TopOrder.Retweets), ("likes", TopOrder.Likes));
        var limit = call.Text("limit") is { } text ? HttpQuery.Number<int>("limit", text) : 0;
        var response = replies.Top(await reader.ReadTopAsync(Requests.TopOrder(order), limit, call.Cancelled));
        await call.AnswerAsync(response, response.Freshness, response.Freshness.Revision);
    }

    public async Task ListDailyCounts(HttpCall call)
    {
        var response = replies.Days(await reader.ReadDaysAsync(call.Text("from") ?? "", call.Text("to") ?? "", call.Terms()));
        await call.AnswerAsync(response, response.Freshness, response.Freshness.Revision);
    }

    public Task GetStatus(HttpCall call) => call.AnswerAsync(status.Make());

    public Task GetHistory(HttpCall call) => call.AnswerAsync(Replies.History(history.Within(Requests.Span(call.Time("span")))));

    public async Task ListCaches(HttpCall call) => await call.AnswerAsync(replies.Caches(await caches.GetAsync(call.Cancelled)));

    public async Task AuditNow(HttpCall call) => await call.AnswerAsync(replies.Audit(await auditor.AuditNowAsync(call.Cancelled)));

    public async Task ReloadNow(HttpCall call) => await call.AnswerAsync(replies.Reload(await reloader.ReloadNowAsync(call.Caller, call.Deadline, call.Cancelled)));

    public async Task WatchCounts(HttpCall call)
    {
        var request = new WatchCountsRequest
        {
            MessageIds = { call.MessageIds },
            All = call.Flag("all"),
            MinInterval = call.Time("min_interval"),
            Heartbeat = call.Time("heartbeat"),
        };
        var isSilent = request.Heartbeat is null;
        request.Heartbeat ??= Duration.FromTimeSpan(EventStream.CommentInterval);
        EventStream.Resume(request, call);
        var stream = new EventStream(call.Context, isSilent);
        try
        {
            await watches.RunAsync(request, stream);
        }
        catch (StreamEndedException e) when (e.Code == StatusCode.Unavailable && !call.Context.Response.HasStarted)
        {
            await stream.EndAsync(e.Message);
        }
    }

    private async Task GetManyAsync(HttpCall call, IList<long> messageIds, ReadTerms terms)
    {
        BatchGetCountsResponse response;
        if (terms.FromDatabase)
        {
            response = replies.Batch(await databaseReader.ReadManyAsync(messageIds, terms));
        }
        else
        {
            using var reading = await reader.ReadManyAsync(messageIds, terms);
            response = replies.Batch(reading);
        }

        await call.AnswerAsync(response, response.Freshness, response.Freshness.Revision);
    }
}
