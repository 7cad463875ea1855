using System.Collections;
using System.Text.Json;
using CacheService.Api.Http;
using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>Calls every route and every method, and holds the answers and the errors against each other.</summary>
internal sealed class ConformanceTests
{
    private static readonly long[] TooMany = [.. Enumerable.Range(1, 101).Select(id => (long)id)];

    /// <summary>What differs from call to call, and of which only whether it is there is compared.</summary>
    private static readonly HashSet<string> Moving = ["age", "duration", "uptime", "rollup_age", "drains", "bells", "audits", "last_audit_at", "last_audit_duration", "notification_queue_usage", "rollup_detail", "samples", "heard"];

    private TestDatabase _database = null!;
    private RunningService _service = null!;

    private static IEnumerable<Case> Cases =>
    [
        Case.Get("v1/messages/3/counts", "GetCounts", client => client.GetCountsAsync(new GetCountsRequest { MessageId = 3 })),
        Case.Get("v1/messages/3/counts?strong=true", "GetCounts", client => client.GetCountsAsync(Of(3, new ReadOptions { Strong = true }))),
        Case.Get("v1/messages/3/counts?max_age=1s", "GetCounts", client => client.GetCountsAsync(Of(3, new ReadOptions { MaxAge = new Duration { Seconds = 1 } }))),
        Case.Get("v1/messages/3/counts?at_least_xid=3", "GetCounts", client => client.GetCountsAsync(Of(3, new ReadOptions { AtLeastXid = 3 }))),
        Case.Get("v1/messages/3/counts?source=database", "GetCounts", client => client.GetCountsAsync(Of(3, new ReadOptions { Source = ReadSource.Database }))),
        Case.Get("v1/messages/3/counts?source=cache&timeout=5s", "GetCounts", client => client.GetCountsAsync(Of(3, new ReadOptions { Source = ReadSource.Cache }))),
        Case.Get("v1/messages/999/counts", "GetCounts", client => client.GetCountsAsync(new GetCountsRequest { MessageId = 999 })),
        Case.Get("v1/messages/999/counts?source=database", "GetCounts", client => client.GetCountsAsync(Of(999, new ReadOptions { Source = ReadSource.Database }))),
        Case.Get("v1/messages/0/counts", "GetCounts", client => client.GetCountsAsync(new GetCountsRequest())),
        Case.Get("v1/messages/-5/counts", "GetCounts", client => client.GetCountsAsync(new GetCountsRequest { MessageId = -5 })),
        Case.Get("v1/messages/3/counts?max_age=-1s", "GetCounts", client => client.GetCountsAsync(Of(3, new ReadOptions { MaxAge = new Duration { Seconds = -1 } }))),
        Case.Get("v1/messages/3/counts?at_least_xid=0", "GetCounts", client => client.GetCountsAsync(Of(3, new ReadOptions { AtLeastXid = 0 }))),
        Case.Get("v1/messages/3/counts?at_least_xid=9999999999", "GetCounts", client => client.GetCountsAsync(Of(3, new ReadOptions { AtLeastXid = 9_999_999_999 }))),
        Case.Get("v1/counts?ids=7,999,2,7", "BatchGetCounts", client => client.BatchGetCountsAsync(Many(7, 999, 2, 7))),
        Case.Get("v1/counts?ids=7&ids=2&strong", "BatchGetCounts", client => client.BatchGetCountsAsync(Many(new ReadOptions { Strong = true }, 7, 2))),
        Case.Get("v1/counts?ids=7,999&source=database", "BatchGetCounts", client => client.BatchGetCountsAsync(Many(new ReadOptions { Source = ReadSource.Database }, 7, 999))),
        Case.Get("v1/counts", "BatchGetCounts", client => client.BatchGetCountsAsync(Many())),
        Case.Get("v1/counts?ids=1,0", "BatchGetCounts", client => client.BatchGetCountsAsync(Many(1, 0))),
        Case.Get($"v1/counts?ids={string.Join(',', TooMany)}", "BatchGetCounts", client => client.BatchGetCountsAsync(Many(TooMany))),
        Case.Post("v1/counts:batch", """{ "messageIds": [ 7, "999", 2 ], "read": { "strong": true } }""", "BatchGetCounts", client => client.BatchGetCountsAsync(Many(new ReadOptions { Strong = true }, 7, 999, 2))),
        Case.Post("v1/counts:batch?timeout=5s", """{ "message_ids": [ 7 ], "read": { "source": "READ_SOURCE_DATABASE" } }""", "BatchGetCounts", client => client.BatchGetCountsAsync(Many(new ReadOptions { Source = ReadSource.Database }, 7))),
        Case.Post("v1/counts:batch", "{}", "BatchGetCounts", client => client.BatchGetCountsAsync(Many())),
        Case.Post("v1/counts:batch", """{ "messageIds": [ 7 ], "read": { "source": 77 } }""", "BatchGetCounts", client => client.BatchGetCountsAsync(Many(new ReadOptions { Source = (ReadSource)77 }, 7))),
        Case.Get("v1/messages/3", "GetMessage", client => client.GetMessageAsync(new GetMessageRequest { MessageId = 3 })),
        Case.Get("v1/messages/3?source=database", "GetMessage", client => client.GetMessageAsync(new GetMessageRequest { MessageId = 3, Read = new ReadOptions { Source = ReadSource.Database } })),
        Case.Get("v1/messages/999?strong=1", "GetMessage", client => client.GetMessageAsync(new GetMessageRequest { MessageId = 999, Read = new ReadOptions { Strong = true } })),
        Case.Get("v1/messages/0", "GetMessage", client => client.GetMessageAsync(new GetMessageRequest())),
        Case.Get("v1/top", "ListTopCounts", client => client.ListTopCountsAsync(new ListTopCountsRequest())),
        Case.Get("v1/top?order=likes&limit=3", "ListTopCounts", client => client.ListTopCountsAsync(new ListTopCountsRequest { OrderBy = TopOrder.Likes, Limit = 3 })),
        Case.Get("v1/top?order=retweets", "ListTopCounts", client => client.ListTopCountsAsync(new ListTopCountsRequest { OrderBy = TopOrder.Retweets })),
        Case.Get("v1/top?order=total", "ListTopCounts", client => client.ListTopCountsAsync(new ListTopCountsRequest { OrderBy = TopOrder.Total })),
        Case.Get("v1/days", "ListDailyCounts", client => client.ListDailyCountsAsync(new ListDailyCountsRequest())),
        Case.Get("v1/days?from=2026-11-01&to=2100-01-01&strong", "ListDailyCounts", client => client.ListDailyCountsAsync(new ListDailyCountsRequest { From = "2026-11-01", To = "2100-01-01", Read = new ReadOptions { Strong = true } })),
        Case.Get("v1/days?from=tomorrow", "ListDailyCounts", client => client.ListDailyCountsAsync(new ListDailyCountsRequest { From = "tomorrow" })),
        Case.Get("v1/top?limit=-1", "ListTopCounts", client => client.ListTopCountsAsync(new ListTopCountsRequest { Limit = -1 })),
        Case.Get("v1/top?limit=1001", "ListTopCounts", client => client.ListTopCountsAsync(new ListTopCountsRequest { Limit = 1001 })),
        Case.Get("v1/status", "GetStatus", client => client.GetStatusAsync(new GetStatusRequest())),
        Case.Get("v1/history?span=60s", "GetHistory", client => client.GetHistoryAsync(new GetHistoryRequest { Span = new Duration { Seconds = 60 } })),
        Case.Get("v1/history?span=0s", "GetHistory", client => client.GetHistoryAsync(new GetHistoryRequest { Span = new Duration() })),
        Case.Get("v1/caches", "ListCaches", client => client.ListCachesAsync(new ListCachesRequest())),
        Case.Post("v1/audit", null, "AuditNow", client => client.AuditNowAsync(new AuditNowRequest())),
        Case.Get("v1/counts/watch?ids=3,7,999", "WatchCounts", client => FirstAsync(client, new WatchCountsRequest { MessageIds = { 3, 7, 999 } })),
        Case.Get("v1/counts/watch?all", "WatchCounts", client => FirstAsync(client, new WatchCountsRequest { All = true })),
        Case.Get("v1/counts/watch?ids=3&last_event_id=another:5", "WatchCounts", client => FirstAsync(client, new WatchCountsRequest { MessageIds = { 3 }, ResumeEpoch = "another", ResumeRevision = 5 })),
        Case.Get("v1/counts/watch", "WatchCounts", client => FirstAsync(client, new WatchCountsRequest())),
        Case.Get("v1/counts/watch?ids=3&all=true", "WatchCounts", client => FirstAsync(client, new WatchCountsRequest { MessageIds = { 3 }, All = true })),
        Case.Get("v1/counts/watch?ids=0", "WatchCounts", client => FirstAsync(client, new WatchCountsRequest { MessageIds = { 0 } })),
        Case.Get("v1/counts/watch?all&min_interval=61s", "WatchCounts", client => FirstAsync(client, new WatchCountsRequest { All = true, MinInterval = new Duration { Seconds = 61 } })),
        Case.Get("v1/counts/watch?all&heartbeat=0s", "WatchCounts", client => FirstAsync(client, new WatchCountsRequest { All = true, Heartbeat = new Duration() })),
    ];

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MaxIdsPerRequest=100", "--Audit:Interval=1.00:00:00", "--Feed:StaleAfter=00:01:00");
        await _database.AddMessagesAsync(20);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select n, 'rt' from generate_series(1, 20) n, generate_series(1, n)");
        await _service.AssertEqualsViewAsync(_database);
        await Wait.UntilAsync(() => _service.Status.NotificationsWorking && _service.Status.IsRinger, RunningService.Patience, "what the status says stays");
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [TestCaseSource(nameof(Cases))]
    public async Task Route_AndMethod_SayTheSame(Case call)
    {
        var (http, grpc) = (await AskHttpAsync(_service, call), await AskGrpcAsync(_service, call));
        Assert.That(http, Is.EqualTo(grpc));
    }

    [Test]
    public async Task Reload_ByRouteAndByMethod_SaysTheSame()
    {
        // A service of its own: it begins a new epoch.
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(3);
        await service.AssertEqualsViewAsync(database);
        var reload = Case.Post("v1/reload", null, "ReloadNow", client => client.ReloadNowAsync(new ReloadNowRequest()));
        var (http, grpc) = (JsonParser.Default.Parse<ReloadNowResponse>(await AskHttpAsync(service, reload)), JsonParser.Default.Parse<ReloadNowResponse>(await AskGrpcAsync(service, reload)));
        Assert.That(http.Freshness.Epoch, Is.Not.EqualTo(grpc.Freshness.Epoch));
        (http.Freshness.Epoch, grpc.Freshness.Epoch) = ("", "");
        (http.Freshness.Revision, grpc.Freshness.Revision) = (0, 0);
        Assert.That(http, Is.EqualTo(grpc));
        Assert.That(http.Messages, Is.EqualTo(3));
    }

    [Test]
    public async Task Routes_BeforeTheFirstLoad_FailAsMethodsDo()
    {
        // Nobody listens there.
        await using var service = await RunningService.StartWithoutWaitingAsync("Host=127.0.0.1;Port=1;Database=none");
        foreach (var call in Cases.Where(call => call.Path is "v1/messages/3/counts" or "v1/counts?ids=7,999,2,7" or "v1/messages/3" or "v1/top" or "v1/counts/watch?all" or "v1/audit"))
        {
            var http = await AskHttpAsync(service, call);
            Assert.That(http, Does.StartWith("UNAVAILABLE"));
            Assert.That(http, Is.EqualTo(await AskGrpcAsync(service, call)));
        }

        service.ExpectsErrors = true;
    }

    [Test]
    public void Routes_AndMethods_AreComparedAll()
    {
        // All but streams of reads, whose reads have routes of their own.
        var methods = TweetCountsService.Descriptor.Methods.Where(method => !method.IsClientStreaming).Select(method => method.Name).ToList();
        var compared = Cases.Select(call => call.Method).Append("ReloadNow").ToHashSet();
        Assert.That(compared, Is.EquivalentTo(methods), "a case for each method");
        var all = HttpRoutes.All.Where(route => route.Method.Service == TweetCountsService.Descriptor).ToList();
        Assert.That(all.Select(route => route.Method.Name).Distinct(), Is.EquivalentTo(methods), "a route for each method");

        var called = Cases.Select(call => (Verb: call.Verb.Method, Path: call.Path.Split('?')[0])).Append((Verb: "POST", Path: "v1/reload")).ToHashSet();
        var routes = all.Select(route => (route.Verb, Path: route.Path[1..])).ToList();
        Assert.That(routes.Where(route => !called.Any(call => call.Verb == route.Verb && call.Path == route.Path.Replace("{id}", "3", StringComparison.Ordinal))), Is.Empty, "a case for each route");
    }

    /// <summary>The answer or the error, as text.</summary>
    private static async Task<string> AskHttpAsync(RunningService service, Case call)
    {
        if (call.Method == "WatchCounts")
        {
            var stream = await service.GetAsync(call.Path);
            if (stream.ContentType == "text/event-stream")
            {
                stream.Response.Dispose();
                await using var events = await EventReader.OpenAsync(service, call.Path.Split('?')[1]);
                return Fixed(await events.NextAsync());
            }

            return $"{stream.Status}: {stream.Detail}";
        }

        var answer = await service.SendAsync(call.Verb, call.Path, call.Body);
        if (answer.ContentType == "application/problem+json")
        {
            Assert.That((int)answer.Code, Is.EqualTo(CacheService.Api.Problems.HttpProblem.HttpCodeOf(System.Enum.GetValues<StatusCode>().Single(code => CacheService.Api.Problems.HttpProblem.NameOf(code) == answer.Status))));
            return $"{answer.Status}: {answer.Detail}";
        }

        Assert.That(answer.ContentType, Is.EqualTo("application/json"), answer.Body);
        var type = TweetCountsService.Descriptor.FindMethodByName(call.Method).OutputType;
        return Fixed(JsonParser.Default.Parse(answer.Body, type));
    }

    private static async Task<string> AskGrpcAsync(RunningService service, Case call)
    {
        try
        {
            return Fixed(await call.Ask(service.Client));
        }
        catch (RpcException e)
        {
            return $"{JsonNamingPolicy.SnakeCaseUpper.ConvertName(e.StatusCode.ToString())}: {e.Status.Detail}";
        }
    }

    private static string Fixed(IMessage message)
    {
        Fix(message);
        return JsonFormatter.Default.Format(message);
    }

    private static void Fix(IMessage message)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (Moving.Contains(field.Name))
            {
                field.Accessor.Clear(message);
            }
            else if (field.FieldType == FieldType.Message)
            {
                var inner = field.Accessor.GetValue(message);
                foreach (var one in inner is IMessage single ? [single] : ((IEnumerable?)inner ?? Array.Empty<IMessage>()).Cast<IMessage>())
                {
                    Fix(one);
                }
            }
        }
    }

    private static async Task<WatchCountsResponse> FirstAsync(TweetCountsService.TweetCountsServiceClient client, WatchCountsRequest request)
    {
        using var watch = client.WatchCounts(request);
        Assert.That(await watch.ResponseStream.MoveNext(CancellationToken.None), Is.True);
        return watch.ResponseStream.Current;
    }

    private static GetCountsRequest Of(long messageId, ReadOptions read) => new() { MessageId = messageId, Read = read };

    private static BatchGetCountsRequest Many(params long[] messageIds) => new() { MessageIds = { messageIds } };

    private static BatchGetCountsRequest Many(ReadOptions read, params long[] messageIds) => new() { MessageIds = { messageIds }, Read = read };

    /// <summary>The same call by both ways.</summary>
    internal sealed record Case(HttpMethod Verb, string Path, string? Body, string Method, Func<TweetCountsService.TweetCountsServiceClient, Task<IMessage>> Ask)
    {
        public static Case Get<T>(string path, string method, Func<TweetCountsService.TweetCountsServiceClient, AsyncUnaryCall<T>> ask)
            where T : IMessage => new(HttpMethod.Get, path, null, method, async client => await ask(client));

        public static Case Get(string path, string method, Func<TweetCountsService.TweetCountsServiceClient, Task<WatchCountsResponse>> ask) =>
            new(HttpMethod.Get, path, null, method, async client => await ask(client));

        public static Case Post<T>(string path, string? body, string method, Func<TweetCountsService.TweetCountsServiceClient, AsyncUnaryCall<T>> ask)
            where T : IMessage => new(HttpMethod.Post, path, body, method, async client => await ask(client));

        public override string ToString() => $"{Verb} {(Path.Length > 80 ? Path[..80] : Path)} {Body}";
    }
}
