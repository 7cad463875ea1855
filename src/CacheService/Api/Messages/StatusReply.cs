using CacheService.Auditing;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Rollup;
using CacheService.Watching;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.Api.Messages;

/// <summary>Says how the cache is doing.</summary>
internal sealed class StatusReply(CountsStore store, FeedStatus status, WatchHub hub, Auditor auditor, RollupStatus rollup, IOptions<CountsOptions> counted)
{
    public GetStatusResponse Make()
    {
        var version = store.Version;
        var condition = status.ConditionOf(version);
        var audits = auditor.Summary;
        return new GetStatusResponse
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
            Watchers = hub.Count,
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
        };
    }
}
