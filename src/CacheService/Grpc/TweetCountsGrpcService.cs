using System.Buffers;
using CacheService.Auditing;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Grpc.Serialization;
using CacheService.Messages;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.Grpc;

/// <summary>The handlers of the API, <c>tweetcounts.v1.TweetCountsService</c>.</summary>
internal sealed class TweetCountsGrpcService(
    CountsStore store, TopCounts topCounts, MessageTexts texts, FeedStatus status, ReadGate gate, WatchStreams watches, Replies replies, EncodedReplies encodedReplies,
    Auditor auditor, IOptions<LimitsOptions> limits, TimeProvider time)
{
    private readonly LimitsOptions _limits = limits.Value;

    public Task<EncodedReply> GetCounts(GetCountsRequest request, ServerCallContext context)
    {
        var messageId = Requests.MessageId(request.MessageId);
        return Requests.Requirement(request.Read) is { } requirement ? ReadAfterAsync(requirement, messageId, context) : Task.FromResult(Read(messageId));
    }

    public async Task<EncodedReply> BatchGetCounts(BatchGetCountsRequest request, ServerCallContext context)
    {
        var messageIds = Requests.MessageIds(request.MessageIds, _limits.MaxIdsPerRequest);
        await PassAsync(Requests.Requirement(request.Read), context);

        // Pooled: for many messages it is among the large objects, which are dear to collect.
        var counts = ArrayPool<MessageCounts?>.Shared.Rent(messageIds.Length);
        var version = store.ReadMany(messageIds, counts) ?? throw replies.NotLoaded();
        var reply = encodedReplies.Batch(messageIds, counts, version);
        ArrayPool<MessageCounts?>.Shared.Return(counts);
        return reply;
    }

    public Task WatchCounts(WatchCountsRequest request, IServerStreamWriter<WatchCountsResponse> responseStream, ServerCallContext context) =>
        watches.RunAsync(request, responseStream, context);

    public async Task<ListTopCountsResponse> ListTopCounts(ListTopCountsRequest request, ServerCallContext context)
    {
        var order = Requests.TopOrder(request.OrderBy);
        var limit = Requests.TopLimit(request.Limit, _limits.MaxTopCounts);
        RequireLoaded();

        var top = await topCounts.GetAsync(order, context.CancellationToken);
        return new ListTopCountsResponse
        {
            Counts = { top.Messages.Take(limit).Select(Replies.Counts) },
            Freshness = replies.Freshness(top.Version),
        };
    }

    public async Task<GetMessageResponse> GetMessage(GetMessageRequest request, ServerCallContext context)
    {
        var messageId = Requests.MessageId(request.MessageId);
        await PassAsync(Requests.Requirement(request.Read), context);
        RequireLoaded();

        if (store.Read(messageId, out var known) is null || known is null)
        {
            throw Replies.NoSuchMessage(messageId);
        }

        var text = await texts.GetAsync(messageId, context.CancellationToken) ?? throw Replies.NoSuchMessage(messageId);

        // Read last, so that the counts are no older than the answer.
        var version = store.Read(messageId, out var counts) ?? throw replies.NotLoaded();
        return new GetMessageResponse
        {
            MessageId = messageId,
            Author = text.Author,
            Text = text.Text,
            PostedAt = text.PostedAt is { } microseconds ? Timestamp.FromDateTime(DateTime.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond)) : null,
            Counts = Replies.Counts(messageId, counts ?? throw Replies.NoSuchMessage(messageId)),
            Freshness = replies.Freshness(version),
        };
    }

    public Task<GetStatusResponse> GetStatus(GetStatusRequest request, ServerCallContext context)
    {
        var version = store.Version;
        var condition = status.ConditionOf(version);
        var audits = auditor.Summary;
        return Task.FromResult(new GetStatusResponse
        {
            State = Replies.State(condition.State),
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
        });
    }

    public async Task<AuditNowResponse> AuditNow(AuditNowRequest request, ServerCallContext context) =>
        replies.Audit(await auditor.AuditNowAsync(context.CancellationToken));

    private EncodedReply Read(long messageId)
    {
        var version = store.Read(messageId, out var counts) ?? throw replies.NotLoaded();
        return encodedReplies.Counts(messageId, counts ?? throw Replies.NoSuchMessage(messageId), version);
    }

    private async Task<EncodedReply> ReadAfterAsync(ReadRequirement requirement, long messageId, ServerCallContext context)
    {
        await PassAsync(requirement, context);
        return Read(messageId);
    }

    private async Task PassAsync(ReadRequirement? requirement, ServerCallContext context)
    {
        RequireLoaded();
        if (requirement is not null)
        {
            await gate.PassAsync(requirement, ReadDeadline.LimitOf(context, _limits.MaxReadWait, time), context.CancellationToken);
        }
    }

    private void RequireLoaded()
    {
        if (store.Version is null)
        {
            throw replies.NotLoaded();
        }
    }
}
