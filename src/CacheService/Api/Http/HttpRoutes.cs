using Google.Protobuf.Reflection;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Http;

/// <summary>All routes of the HTTP API.</summary>
internal static class HttpRoutes
{
    private const string FreshnessExample =
        """
        { "epoch": "68e7a623", "revision": "486", "age": "0.232s", "state": "FEED_STATE_LIVE", "source": "READ_SOURCE_UNSPECIFIED" }
        """;

    private const string CountsExample =
        """
        { "messageId": "7", "retweets": "24", "likes": "42", "revision": "481" }
        """;

    private const string BatchExample =
        $$"""
        { "counts": [ {{CountsExample}} ], "missingMessageIds": [ "999" ], "freshness": {{FreshnessExample}} }
        """;

    private static readonly StatusCode[] OfReads =
        [StatusCode.InvalidArgument, StatusCode.OutOfRange, StatusCode.FailedPrecondition, StatusCode.ResourceExhausted, StatusCode.Unavailable];

    private static readonly IReadOnlyList<HttpRoute<TweetCountsHttpService>> OfCounts =
    [
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/messages/{id}/counts",
            Method = Method("GetCounts"),
            Summary = "The counts of one message.",
            Parameters = [HttpParameter.MessageId, .. HttpParameter.OfReads, HttpParameter.IfNoneMatch],
            Errors = [.. OfReads, StatusCode.NotFound],
            Example = $$"""{ "counts": {{CountsExample}}, "freshness": {{FreshnessExample}} }""",
            Handler = static (service, call) => service.GetCounts(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/counts",
            Method = Method("BatchGetCounts"),
            OperationId = "ListCounts",
            Summary = "The counts of many messages, all from one snapshot.",
            Parameters = [HttpParameter.Ids, .. HttpParameter.OfReads, HttpParameter.IfNoneMatch],
            Errors = OfReads,
            Example = BatchExample,
            Handler = static (service, call) => service.ListCounts(call),
        },
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/counts:batch",
            Method = Method("BatchGetCounts"),
            Summary = "The same for more messages than a URL has room for.",
            Parameters = [HttpParameter.Timeout],
            Body = BatchGetCountsRequest.Descriptor,
            BodyExample = """{ "messageIds": [ 7, 999 ], "read": { "maxAge": "1s" } }""",
            Errors = OfReads,
            Example = BatchExample,
            Handler = static (service, call) => service.BatchGetCounts(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/counts/watch",
            Method = Method("WatchCounts"),
            Summary = "Server-sent events: the current counts of the given messages, then what changes.",
            Parameters =
            [
                HttpParameter.Ids,
                new HttpParameter("all", HttpParameterPlace.Query, "true: watch all messages, in place of ids.", "true"),
                new HttpParameter("min_interval", HttpParameterPlace.Query, "The least pause between events with counts, up to 60s; changes in between are coalesced.", "0.5s"),
                new HttpParameter("heartbeat", HttpParameterPlace.Query, "An event comes at least this often, if only to tell the freshness; 0.01s to 3600s. Without it comments come while nothing happens.", "5s"),
                new HttpParameter("last_event_id", HttpParameterPlace.Query, "The id of the last event of an earlier stream, to go on from there, where no header can be sent.", "68e7a623:486"),
                new HttpParameter("Last-Event-ID", HttpParameterPlace.Header, "The same; EventSource sends it by itself.", "68e7a623:486"),
            ],
            Errors = [StatusCode.InvalidArgument, StatusCode.ResourceExhausted, StatusCode.Unavailable],
            Example = $$"""{ "counts": [ {{CountsExample}} ], "removedMessageIds": [ ], "reset": true, "synced": true, "coalesced": "0", "freshness": {{FreshnessExample}} }""",
            Handler = static (service, call) => service.WatchCounts(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/messages/{id}",
            Method = Method("GetMessage"),
            Summary = "A message's author, text and counts.",
            Parameters = [HttpParameter.MessageId, .. HttpParameter.OfReads],
            Errors = [.. OfReads, StatusCode.NotFound],
            Example = $$"""{ "messageId": "7", "author": "Oberon", "text": "A simple plan", "postedAt": "2026-11-29T08:00:00Z", "counts": {{CountsExample}}, "freshness": {{FreshnessExample}} }""",
            Handler = static (service, call) => service.GetMessage(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/top",
            Method = Method("ListTopCounts"),
            Summary = "The messages with the highest counts, highest first; up to a second old.",
            Parameters =
            [
                new HttpParameter("order", HttpParameterPlace.Query, "By total (retweets plus likes), retweets or likes.", "likes"),
                new HttpParameter("limit", HttpParameterPlace.Query, "How many messages at most; 10 unless given, up to Limits:MaxTopCounts.", "10"),
                HttpParameter.Timeout,
                HttpParameter.IfNoneMatch,
            ],
            Errors = [StatusCode.InvalidArgument, StatusCode.Unavailable],
            Example = $$"""{ "counts": [ {{CountsExample}} ], "freshness": {{FreshnessExample}} }""",
            Handler = static (service, call) => service.ListTopCounts(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/days",
            Method = Method("ListDailyCounts"),
            Summary = "What happened on each day, by the activity's own time, in the time zone Counts:TimeZone; days on which nothing happened are left out.",
            Parameters =
            [
                new HttpParameter("from", HttpParameterPlace.Query, "The first day; the first that there is unless given.", "2026-11-01"),
                new HttpParameter("to", HttpParameterPlace.Query, "The last day; the last that there is unless given.", "2026-11-30"),
                .. HttpParameter.OfReads,
                HttpParameter.IfNoneMatch,
            ],
            Errors = OfReads,
            Example = $$"""{ "days": [ { "day": "2026-11-29", "retweets": "24", "undoneRetweets": "1", "likes": "42", "undoneLikes": "3" } ], "timeZone": "UTC", "freshness": {{FreshnessExample}} }""",
            Handler = static (service, call) => service.ListDailyCounts(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/status",
            Method = Method("GetStatus"),
            Summary = "How the cache is doing. Never fails for a reason of the feed.",
            Parameters = [HttpParameter.Timeout],
            Example = """{ "state": "FEED_STATE_LIVE", "epoch": "68e7a623", "revision": "486", "messages": "55", "snapshot": "1205:1205:", "age": "0.232s", "detail": "" }""",
            Handler = static (service, call) => service.GetStatus(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/history",
            Method = Method("GetHistory"),
            Summary = "What the service did within the last hour, in samples of a few seconds.",
            Parameters =
            [
                new HttpParameter("span", HttpParameterPlace.Query, "How far back, up to 3600s; as far as the service remembers unless given.", "60s"),
                HttpParameter.Timeout,
            ],
            Example = """
                { "samples": [ { "at": "2026-11-29T08:00:00Z", "length": "5.012s", "reads": 120.5, "drains": 11.2, "changes": 4.6, "age": "0.251s", "watchers": "3", "state": "FEED_STATE_LIVE" } ] }
                """,
            Handler = static (service, call) => service.GetHistory(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/caches",
            Method = Method("ListCaches"),
            Summary = "The caches that are registered with the database, up to a second old.",
            Parameters = [HttpParameter.Timeout],
            Errors = [StatusCode.FailedPrecondition, StatusCode.Unavailable],
            Example = """{ "caches": [ { "name": "web1-4711-68e7a623-0a1b2c3d", "self": true, "loaded": true, "heard": "1.204s" } ] }""",
            Handler = static (service, call) => service.ListCaches(call),
        },
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/audit",
            Method = Method("AuditNow"),
            Summary = "Compares all counts with the database's tables now, and corrects what differs. A timeout ends only the wait.",
            Parameters = [HttpParameter.Timeout],
            Errors = [StatusCode.Unavailable],
            Example = $$"""{ "messages": "55", "differences": "0", "repaired": "0", "firstDifferences": [ ], "duration": "0.120s", "triggersWarning": "", "freshness": {{FreshnessExample}}, "uncompared": "0", "firstUncompared": [ ] }""",
            Handler = static (service, call) => service.AuditNow(call),
        },
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/reload",
            Method = Method("ReloadNow"),
            Summary = "Has all caches of the database load all counts afresh, from the tables. A timeout ends only the wait.",
            Parameters = [HttpParameter.Timeout],
            Errors = [StatusCode.FailedPrecondition, StatusCode.Unavailable],
            Example = $$"""{ "messages": "55", "duration": "0.350s", "freshness": {{FreshnessExample}} }""",
            Handler = static (service, call) => service.ReloadNow(call),
        },
    ];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<HttpRoute> All { get; } = [.. OfCounts, .. JobRoutes.All];

    private static MethodDescriptor Method(string name) => TweetCountsService.Descriptor.FindMethodByName(name);
}
