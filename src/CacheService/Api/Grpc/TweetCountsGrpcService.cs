using CacheService.Api.Grpc.Serialization;
using CacheService.Api.Messages;
using CacheService.Api.Watches;
using CacheService.Auditing;
using CacheService.Feed;
using CacheService.History;
using CacheService.Reading;
using CacheService.Reloading;
using CacheService.Security;
using CacheService.Watching;
using Grpc.Core;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.Api.Grpc;

/// <summary>The handlers of the API, <c>tweetcounts.v1.TweetCountsService</c>.</summary>
internal sealed class TweetCountsGrpcService(
    CountsReader reader, DatabaseReader databaseReader, WatchStreams watches, Replies replies, EncodedReplies encodedReplies, StatusReply status, RecentHistory history, CacheList caches,
    Auditor auditor, Reloader reloader, CallErrors errors, CallRate rate, IOptions<SubscriptionOptions> subscriptions, IHostApplicationLifetime lifetime, TimeProvider time)
{
    public Task<EncodedReply> GetCounts(GetCountsRequest request, ServerCallContext context)
    {
        var terms = Terms(request.Read, context);
        return terms is { Requirement: null, FromDatabase: false }
            ? Task.FromResult(encodedReplies.Counts(reader.Read(request.MessageId)))
            : GetCountsAsync(request.MessageId, terms);
    }

    public async Task<EncodedReply> BatchGetCounts(BatchGetCountsRequest request, ServerCallContext context)
    {
        var terms = Terms(request.Read, context);
        if (terms.FromDatabase)
        {
            return EncodedReply.Of(replies.Batch(await databaseReader.ReadManyAsync(request.MessageIds, terms)));
        }

        using var reading = await reader.ReadManyAsync(request.MessageIds, terms);
        return encodedReplies.Batch(reading);
    }

    public Task ReadCounts(IAsyncStreamReader<ReadCountsRequest> requestStream, IServerStreamWriter<EncodedReply> responseStream, ServerCallContext context) =>
        new ReadStream(reader, databaseReader, replies, encodedReplies, errors, rate, subscriptions.Value, time, responseStream, context, lifetime.ApplicationStopping).RunAsync(requestStream);

    public Task WatchCounts(WatchCountsRequest request, IServerStreamWriter<WatchReply> responseStream, ServerCallContext context)
    {
        // The call would hold its headers and its ids to its end. Nobody asks for the one any more, and for the others once the watch has begun.
        context.GetHttpContext().Request.Headers.Clear();
        var watching = watches.RunAsync(request, new WatchCall(responseStream, context));
        request.MessageIds.Clear();
        return watching;
    }

    public async Task<ListTopCountsResponse> ListTopCounts(ListTopCountsRequest request, ServerCallContext context) =>
        replies.Top(await reader.ReadTopAsync(Requests.TopOrder(request.OrderBy), request.Limit, context.CancellationToken));

    public async Task<ListDailyCountsResponse> ListDailyCounts(ListDailyCountsRequest request, ServerCallContext context) =>
        replies.Days(await reader.ReadDaysAsync(request.From, request.To, Terms(request.Read, context)));

    public async Task<GetMessageResponse> GetMessage(GetMessageRequest request, ServerCallContext context)
    {
        var terms = Terms(request.Read, context);
        if (terms.FromDatabase)
        {
            var (text, reading) = await databaseReader.ReadMessageAsync(request.MessageId, terms);
            return replies.Message(request.MessageId, text, reading);
        }

        return replies.Message(await reader.ReadMessageAsync(request.MessageId, terms, context.CancellationToken));
    }

    public Task<GetStatusResponse> GetStatus(GetStatusRequest request, ServerCallContext context) => Task.FromResult(status.Make());

    public Task<GetHistoryResponse> GetHistory(GetHistoryRequest request, ServerCallContext context) => Task.FromResult(Replies.History(history.Within(Requests.Span(request.Span))));

    public async Task<ListCachesResponse> ListCaches(ListCachesRequest request, ServerCallContext context) => replies.Caches(await caches.GetAsync(context.CancellationToken));

    public async Task<AuditNowResponse> AuditNow(AuditNowRequest request, ServerCallContext context) =>
        replies.Audit(await auditor.AuditNowAsync(context.CancellationToken));

    public async Task<ReloadNowResponse> ReloadNow(ReloadNowRequest request, ServerCallContext context) =>
        replies.Reload(await reloader.ReloadNowAsync(Callers.NameOf(context), context.Deadline, context.CancellationToken));

    private async Task<EncodedReply> GetCountsAsync(long messageId, ReadTerms terms) => terms.FromDatabase
        ? EncodedReply.Of(replies.One(await databaseReader.ReadAsync(messageId, terms)))
        : encodedReplies.Counts(await reader.ReadAsync(messageId, terms));

    // Of the call nothing is looked at for a read that asks for nothing: it would have to be made.
    private static ReadTerms Terms(ReadOptions? options, ServerCallContext call)
    {
        var terms = Requests.Terms(options);
        return terms is { Requirement: null, FromDatabase: false } ? default : terms with { Deadline = call.Deadline, Cancelled = call.CancellationToken };
    }
}
