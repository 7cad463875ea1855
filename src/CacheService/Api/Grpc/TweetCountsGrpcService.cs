using CacheService.Api.Grpc.Serialization;
using CacheService.Auditing;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using CacheService.Reloading;
using CacheService.Rollup;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.Api.Grpc;

/// <summary>The handlers of the API, <c>tweetcounts.v1.TweetCountsService</c>.</summary>
internal sealed class TweetCountsGrpcService(
    CountsReader reader, DatabaseReader databaseReader, CountsStore store, FeedStatus status, WatchStreams watches, Replies replies, EncodedReplies encodedReplies, Auditor auditor,
    Reloader reloader, RollupStatus rollup, IOptions<CountsOptions> counted)
{
    public Task<EncodedReply> GetCounts(GetCountsRequest request, ServerCallContext context)
    {
        var terms = Requests.Terms(request.Read, context);
        return terms is { Requirement: null, FromDatabase: false }
            ? Task.FromResult(encodedReplies.Counts(reader.Read(request.MessageId)))
            : GetCountsAsync(request.MessageId, terms);
    }

    public async Task<EncodedReply> BatchGetCounts(BatchGetCountsRequest request, ServerCallContext context)
    {
        var terms = Requests.Terms(request.Read, context);
        if (terms.FromDatabase)
        {
            return EncodedReply.Of(replies.Batch(await databaseReader.ReadManyAsync(request.MessageIds, terms)));
        }

        using var reading = await reader.ReadManyAsync(request.MessageIds, terms);
        return encodedReplies.Batch(reading);
    }

    public Task WatchCounts(WatchCountsRequest request, IServerStreamWriter<WatchCountsResponse> responseStream, ServerCallContext context) =>
        watches.RunAsync(request, responseStream, context);

    public async Task<ListTopCountsResponse> ListTopCounts(ListTopCountsRequest request, ServerCallContext context)
    {
        var top = await reader.ReadTopAsync(Requests.TopOrder(request.OrderBy), request.Limit, context.CancellationToken);
        return new ListTopCountsResponse
        {
            Counts = { top.Messages.Select(Replies.Counts) },
            Freshness = replies.Freshness(top.Version),
        };
    }

    public async Task<ListDailyCountsResponse> ListDailyCounts(ListDailyCountsRequest request, ServerCallContext context) =>
        replies.Days(await reader.ReadDaysAsync(request.From, request.To, Requests.Terms(request.Read, context)));

    public async Task<GetMessageResponse> GetMessage(GetMessageRequest request, ServerCallContext context)
    {
        var terms = Requests.Terms(request.Read, context);
        if (terms.FromDatabase)
        {
            var (text, reading) = await databaseReader.ReadMessageAsync(request.MessageId, terms);
            return replies.Message(request.MessageId, text, reading);
        }

        return replies.Message(await reader.ReadMessageAsync(request.MessageId, terms, context.CancellationToken));
    }

    public Task<GetStatusResponse> GetStatus(GetStatusRequest request, ServerCallContext context)
    {
        var version = store.Version;
        var condition = status.ConditionOf(version);
        var audits = auditor.Summary;
        return Task.FromResult(new GetStatusResponse
        {
            State = FeedStates.Of(condition.State),
            Epoch = version?.Epoch ?? "",
            Revision = version?.Revision ?? 0,
            Messages = version?.Messages ?? 0,
            Snapshot = version?.Snapshot.ToString() ?? "",
            Age = version is null ? null : Duration.FromTimeSpan(status.AgeOf(version)),
            Detail = condition.Detail,
            ServerVersion = status.ServerVersion,
            Drains = (ulong)status.Drains,
            Bells = (ulong)status.Bells,
            Watchers = watches.Count,
            NotificationsWorking = status.NotificationsWorking,
            Ringer = status.IsRinger,
            NotificationQueueUsage = status.NotificationQueueUsage,
            Uptime = Duration.FromTimeSpan(status.Uptime),
            Audits = (ulong)audits.Audits,
            AuditDifferences = (ulong)audits.Differences,
            LastAuditAt = audits.LastEndedAt is { } endedAt ? Timestamp.FromDateTimeOffset(endedAt) : null,
            LastAuditDuration = audits.LastEndedAt is null ? null : Duration.FromTimeSpan(audits.LastDuration),
            RollupAge = rollup.Age is { } age ? Duration.FromTimeSpan(age) : null,
            RollupDetail = rollup.Detail,
            Days = version?.Days?.Count ?? 0,
            DayTimeZone = version?.Days is null ? "" : counted.Value.TimeZone,
        });
    }

    public async Task<AuditNowResponse> AuditNow(AuditNowRequest request, ServerCallContext context) =>
        replies.Audit(await auditor.AuditNowAsync(context.CancellationToken));

    public async Task<ReloadNowResponse> ReloadNow(ReloadNowRequest request, ServerCallContext context) =>
        replies.Reload(await reloader.ReloadNowAsync(Callers.NameOf(context), context.Deadline, context.CancellationToken));

    private async Task<EncodedReply> GetCountsAsync(long messageId, ReadTerms terms) => terms.FromDatabase
        ? EncodedReply.Of(replies.One(await databaseReader.ReadAsync(messageId, terms)))
        : encodedReplies.Counts(await reader.ReadAsync(messageId, terms));
}
