using System.Net;
using CacheService.Api.Http;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using CacheService.Security;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>Who may call over HTTP, and from which web pages.</summary>
internal sealed class HttpSecurityTests
{
    private const string Page = "https://app.example.com";

    private static readonly Dictionary<Rights, TestKey> Keys =
        new() { [Rights.Read] = new(0, "reader", "Read"), [Rights.Watch] = new(1, "watcher", "Watch"), [Rights.Admin] = new(2, "admin", "Admin"), [Rights.Jobs] = new(3, "cron", "Jobs") };

    private TestDatabase _database = null!;
    private RunningService _service = null!;

    private static IEnumerable<(string Verb, string Path, Rights Right)> Routes =>
        HttpRoutes.All.Select(route => (route.Verb, route.Path[1..].Replace("{id}", "1", StringComparison.Ordinal).Replace("{name}", "roll-up", StringComparison.Ordinal) + (route.IsStream ? "?all=true" : ""), MethodRights.Of(route.MethodName)))
            .Append(("GET", "openapi/v1.json", Rights.Read));

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, [.. Keys.Values.SelectMany(key => key.Settings), $"--Security:CorsOrigins=http://localhost:3000, {Page}", "--Feed:StaleAfter=00:01:00"]);
        await _database.AddMessagesAsync(3);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [TestCaseSource(nameof(Routes))]
    public async Task Route_WithEachKey_AsksForItsRight((string Verb, string Path, Rights Right) route)
    {
        var nobody = await CallAsync(route, null);
        Assert.That((nobody.Code, nobody.Status), Is.EqualTo((HttpStatusCode.Unauthorized, "UNAUTHENTICATED")));
        Assert.That(nobody.Detail, Is.EqualTo("this call needs an API key: send it in the header, authorization: Bearer KEY"));
        Assert.That(nobody.Response.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Bearer"));

        foreach (var wrong in (string[])["Bearer wrong", "Bearer", Keys[route.Right].Key, $"Basic {Keys[route.Right].Key}"])
        {
            var stranger = await CallAsync(route, wrong);
            Assert.That((stranger.Code, stranger.Status), Is.EqualTo((HttpStatusCode.Unauthorized, "UNAUTHENTICATED")), wrong);
            Assert.That(stranger.Detail, Does.Contain("does not know this API key").And.Not.Contain(Keys[route.Right].Key));
        }

        foreach (var (right, key) in Keys)
        {
            var answer = await CallAsync(route, $"Bearer {key.Key}");
            if (right == route.Right)
            {
                Assert.That(answer.Code, Is.Not.EqualTo(HttpStatusCode.Unauthorized).And.Not.EqualTo(HttpStatusCode.Forbidden));
                answer.Response.Dispose();
            }
            else
            {
                Assert.That((answer.Code, answer.Status), Is.EqualTo((HttpStatusCode.Forbidden, "PERMISSION_DENIED")));
                Assert.That(answer.Detail, Does.Contain($"lacks the right {route.Right} for /{route.Path.Split('?')[0]}"));
            }
        }
    }

    [Test]
    public async Task Route_ThatIsNone_TellsStrangersNothing() =>
        Assert.That((await _service.GetAsync("v1/nowhere")).Code, Is.EqualTo(HttpStatusCode.Unauthorized));

    [Test]
    public async Task Health_WithoutAKey_Answers()
    {
        foreach (var path in (string[])["health", "health/ready", "health/live"])
        {
            Assert.That((await _service.GetAsync(path)).Code, Is.EqualTo(HttpStatusCode.OK), path);
        }
    }

    [Test]
    public async Task Rate_OverTheLimit_IsAProblemThatSaysWhenToComeBack()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:CallsPerSecond=2", "--Feed:StaleAfter=00:01:00");
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => service.GetAsync("v1/status")));
        var refused = answers.Where(answer => answer.Code == HttpStatusCode.TooManyRequests).ToList();
        Assert.That(answers.Count(answer => answer.Code == HttpStatusCode.OK), Is.EqualTo(50 - refused.Count).And.GreaterThanOrEqualTo(2));
        Assert.That((refused[0].Status, refused[0].Response.Headers.RetryAfter?.ToString()), Is.EqualTo(("RESOURCE_EXHAUSTED", "1")));
        Assert.That((await service.GetAsync("health")).Code, Is.EqualTo(HttpStatusCode.OK), "health has no limit");
    }

    [Test]
    public async Task Page_ThatMayCall_IsAnsweredAndOthersAreNot()
    {
        var key = ("Authorization", $"Bearer {Keys[Rights.Read].Key}");
        var allowed = await _service.GetAsync("v1/messages/1/counts", key, ("Origin", Page));
        Assert.That(allowed.Response.Headers.GetValues("Access-Control-Allow-Origin"), Is.EqualTo(new[] { Page }));
        Assert.That(allowed.Response.Headers.GetValues("Access-Control-Expose-Headers").Single(), Does.Contain("ETag").And.Contain("grpc-status"));
        Assert.That((await _service.GetAsync("v1/messages/1/counts", key, ("Origin", "https://other.example.com"))).Response.Headers.Contains("Access-Control-Allow-Origin"), Is.False);

        // The browser asks without a key.
        foreach (var (page, isAllowed) in new[] { (Page, true), ("http://localhost:3000", true), ("https://other.example.com", false), ($"{Page}.evil.com", false), ("null", false) })
        {
            var preflight = await _service.SendAsync(
                HttpMethod.Options, "v1/counts:batch", null, ("Origin", page), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization,content-type"));
            Assert.That(preflight.Response.Headers.Contains("Access-Control-Allow-Origin"), Is.EqualTo(isAllowed), page);
        }
    }

    [Test]
    public async Task Page_OfAnotherOrigin_HasTheServiceDoNothing()
    {
        // No key is needed here, and a browser sends this without asking.
        await using var service = await RunningService.StartAsync(_database.ConnectionString, $"--Security:CorsOrigins={Page}");
        foreach (var path in (string[])["v1/audit", "v1/reload", "v1/counts:batch"])
        {
            foreach (var foreign in (string[])["https://evil.example.com", "null", "http://127.0.0.1:1"])
            {
                var refused = await service.PostAsync(path, null, ("Origin", foreign));
                Assert.That((refused.Code, refused.Status), Is.EqualTo((HttpStatusCode.Forbidden, "PERMISSION_DENIED")), foreign);
                Assert.That(refused.Detail, Does.Contain("Security:CorsOrigins"));
            }
        }

        foreach (var own in (string[])[Page, service.HttpAddress.GetLeftPart(UriPartial.Authority)])
        {
            Assert.That((await service.PostAsync("v1/audit", null, ("Origin", own))).Code, Is.EqualTo(HttpStatusCode.OK), own);
        }
    }

    [Test]
    public async Task Page_OfAnyOtherServer_IsRefusedUnlessSettingsNameIt()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString);
        var preflight = await service.SendAsync(HttpMethod.Options, "v1/status", null, ("Origin", Page), ("Access-Control-Request-Method", "GET"));
        var get = await service.GetAsync("v1/status", ("Origin", Page));
        Assert.That(preflight.Response.Headers.Concat(get.Response.Headers).Select(header => header.Key), Has.None.StartsWith("Access-Control"));
    }

    private Task<HttpAnswer> CallAsync((string Verb, string Path, Rights Right) route, string? authorization) => _service.SendAsync(
        new HttpMethod(route.Verb), route.Path, null, authorization is null ? [] : [("Authorization", authorization)]);
}
