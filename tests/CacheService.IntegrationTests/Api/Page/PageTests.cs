using System.Net;
using System.Text.RegularExpressions;
using CacheService.IntegrationTests.Api.Http;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Api.Page;

/// <summary>How the operator's page is served. What it does in a browser: <c>Browser/OperatorPageTests.cs</c>.</summary>
internal sealed partial class PageTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Page_Always_ForbidsWhatIsNotOfTheService()
    {
        var page = await _service.GetAsync("");
        Assert.That((page.Code, page.ContentType), Is.EqualTo((HttpStatusCode.OK, "text/html")));
        var policy = page.Response.Headers.GetValues("Content-Security-Policy").Single();
        Assert.That(policy, Does.StartWith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';").And.Not.Contain("unsafe").And.Not.Contain("http"));
        Assert.That(page.Response.Headers.GetValues("X-Content-Type-Options"), Is.EqualTo(new[] { "nosniff" }));
        Assert.That(page.Body, Does.Not.Contain("{version}").And.Contain("data-jobs=\"false\"").And.Not.Contain("http:").And.Not.Contain("https:").And.Not.Match("<script>|style=| on[a-z]+="));
    }

    [Test]
    public async Task Page_AskedForAgain_IsConfirmed()
    {
        var page = await _service.GetAsync("");
        Assert.That(page.Response.Headers.CacheControl!.NoCache);
        Assert.That((await _service.GetAsync("", ("If-None-Match", page.ETag!))).Code, Is.EqualTo(HttpStatusCode.NotModified));
    }

    [Test]
    public async Task Files_OfThePage_AreThereAndKeptForEver()
    {
        var files = await AddressesAsync("");
        Assert.That(files, Has.Count.GreaterThan(10).And.Some.EndsWith(".css").And.Some.EndsWith(".svg").And.Some.EndsWith("watch.js"));
        foreach (var file in files)
        {
            var answer = await _service.GetAsync(file);
            Assert.That(answer.Code, Is.EqualTo(HttpStatusCode.OK), file);
            Assert.That(answer.Response.Headers.CacheControl!.ToString(), Is.EqualTo("public, max-age=31536000, immutable"), file);
            Assert.That(answer.ContentType, Is.EqualTo(Path.GetExtension(file) switch { ".js" => "text/javascript", ".css" => "text/css", _ => "image/svg+xml" }), file);
        }
    }

    [Test]
    public async Task Files_OfAnotherVersion_AreThoseOfThisOneAndNotKept()
    {
        var answer = await _service.GetAsync("page/0123456789abcdef/app.js");
        Assert.That((answer.Code, answer.Response.Headers.CacheControl!.ToString()), Is.EqualTo((HttpStatusCode.OK, "no-cache")));
    }

    [TestCase("page/0123456789abcdef/nothing.js")]
    [TestCase("page/0123456789abcdef/..%2f..%2fappsettings.json")]
    [TestCase("page/0123456789abcdef")]
    [TestCase("index.html")]
    public async Task Files_ThatAreNone_AreNotFound(string path) => Assert.That((await _service.GetAsync(path)).Code, Is.EqualTo(HttpStatusCode.NotFound));

    [Test]
    public async Task Page_WhereOnlyGrpcIsServed_IsNotThere()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Security:AllowHttp=false");
        Assert.That((await service.GetAsync("")).Code, Is.EqualTo(HttpStatusCode.NotFound));
    }

    /// <summary>What a file loads, and what that loads.</summary>
    private async Task<List<string>> AddressesAsync(string path)
    {
        var found = new List<string>();
        var open = new Queue<string>([path]);
        while (open.TryDequeue(out var from))
        {
            var text = (await _service.GetAsync(from)).Body;
            foreach (Match loaded in Loaded().Matches(text))
            {
                var address = new Uri(new Uri(_service.HttpAddress, from), loaded.Groups["address"].Value).AbsolutePath[1..];
                if (!found.Contains(address))
                {
                    found.Add(address);
                    open.Enqueue(address);
                }
            }
        }

        return found;
    }

    [GeneratedRegex("(?:src|href)=\"(?<address>[^\"#]+)\"|from '(?<address>[^']+)'")]
    private static partial Regex Loaded();
}
