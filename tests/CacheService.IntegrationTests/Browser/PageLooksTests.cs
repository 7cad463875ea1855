using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Tool.Cast;
using PuppeteerSharp;

namespace CacheService.IntegrationTests.Browser;

/// <summary>
/// How the operator's page looks, LIVE and STALE, by day and by night, on a desk and on a phone: written to <c>artifacts/screenshots</c>, and examined by axe-core.
/// With a database that is stopped.
/// </summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class PageLooksTests
{
    private static readonly string Screenshots = Directory.CreateDirectory(SourceFolder.PathOf("artifacts/screenshots")).FullName;

    private static readonly TimeSpan StaleWithin = TimeSpan.FromSeconds(10);

    private static readonly (string Name, ViewPortOptions Size)[] Devices =
    [
        ("desk", new ViewPortOptions { Width = 1280, Height = 860 }),
        ("phone", new ViewPortOptions { Width = 390, Height = 844, DeviceScaleFactor = 2, IsMobile = true, HasTouch = true }),
    ];

    private PrivateServer _server = null!;
    private RunningService _service = null!;
    private OperatorPage _page = null!;

    [SetUp]
    public async Task OpenPage()
    {
        _server = await PrivateServer.StartAsync();
        _service = await RunningService.StartAsync(_server.ConnectionString);
        await using (var connection = await _server.OpenAsync())
        {
            await new CastLoader(connection).LoadAsync(CastFile.Read(), CancellationToken.None);
            // Some are more popular than others, and not all of that is of this second.
            await connection.ExecuteAsync(
                """
                insert into tweet.activity (messageid, action)
                select messageid, (case when n % 3 = 0 then 'rt' else 'fav' end)::tweet.action_t from tweet.message, generate_series(1, 1 + (2000 / (1 + messageid * 7 % 53))::int) n
                """);
        }

        _page = await OperatorPage.OpenLiveAsync(_service);
    }

    [TearDown]
    public async Task ClosePage()
    {
        await _page.DisposeAsync();
        await _service.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task Page_LiveAndStale_LooksAsItShouldAndHasNoBarriers()
    {
        await _page.UntilAsync("document.querySelector('#charts .line').getAttribute('d')?.length > 0", "there is a history");
        await LookAsync("live");

        await _server.StopAsync(immediate: true);
        await using var lag = new MachineLag();
        var stopped = Stopwatch.GetTimestamp();
        await _page.WaitForStateAsync("STALE");
        await _page.UntilAsync("!document.getElementById('problems').hidden", "it says why");
        var took = Stopwatch.GetElapsedTime(stopped);
        var reason = await _page.TextAsync("#problems");
        await TestContext.Progress.WriteLineAsync($"The page is STALE {took.TotalSeconds:F2} s after the database has stopped, and says: {reason}");
        Assert.That(took, Is.LessThan(lag.Allow(StaleWithin)));
        Assert.That(reason, Does.Contain("database"));
        await LookAsync("stale");

        await _server.StartAgainAsync();
        await _page.WaitForStateAsync("LIVE");
        await _page.UntilAsync("document.getElementById('problems').hidden", "nothing is wrong any more");
    }

    [Test]
    public async Task Page_WithLongTextsAndNumbers_FitsItsWindow()
    {
        await _server.ExecuteAsync(
            """
            insert into tweet.users (uname) values (repeat('W', 60)), ('מִישֶׁהוּ');
            insert into tweet.message (userid, message) select userid, repeat('Pneumonoultramicroscopicsilicovolcanoconiosis', 20) from tweet.users where uname = repeat('W', 60);
            insert into tweet.message (userid, message) select userid, 'שלום עולם ' || repeat(E'\u0489', 50) from tweet.users where uname = 'מִישֶׁהוּ';
            insert into tweet.activity (messageid, action) select (select max(messageid) - 1 from tweet.message), 'rt' from generate_series(1, 123456);
            insert into tweet.activity (messageid, action) select (select max(messageid) from tweet.message), 'fav' from generate_series(1, 23456)
            """);
        await _page.TextAsync("#top tbody tr:first-child", "123,456");
        await _page.Page.ClickAsync("#top tbody tr:first-child .text");
        await _page.TextAsync("#message-retweets", "123,456");
        foreach (var (device, size) in Devices)
        {
            await _page.Page.SetViewportAsync(size);
            Assert.That(await _page.AskAsync<int>("document.documentElement.scrollWidth - innerWidth"), Is.LessThanOrEqualTo(0), $"nothing is cut off on a {device}");
            await _page.TextAsync("#top tbody tr:first-child", "123,456");
            Assert.That(await _page.AskAsync<int>("Math.max(...[...document.querySelectorAll('#top td.count')].map(cell => cell.scrollWidth - cell.clientWidth))"), Is.LessThanOrEqualTo(0), $"no number on a {device}");
            await ShootAsync($"long-{device}");
        }
    }

    private async Task LookAsync(string state)
    {
        foreach (var theme in (string[])["light", "dark"])
        {
            await _page.Page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = theme }]);
            foreach (var (device, size) in Devices)
            {
                // Which loads the page anew, where one has a touch screen and the other has none.
                await _page.Page.SetViewportAsync(size);
                await _page.UntilAsync("document.querySelectorAll('#top .said:not(:empty)').length > 20 && document.querySelector('#charts .line').getAttribute('d')?.length > 0", "all is there");
                await _page.Page.ClickAsync("#top tbody tr:nth-child(2) .text");
                await _page.UntilAsync("!document.getElementById('message').hidden", "a message is shown");
                await ShootAsync($"{state}-{theme}-{device}");
                var barriers = await Axe.FindBarriersAsync(_page.Page);
                Assert.That(barriers, Is.Empty, $"{state}, {theme}, {device}");
            }
        }
    }

    private async Task ShootAsync(string name)
    {
        await _page.AskAsync<object>("scrollTo(0, 0)");
        await _page.Page.ScreenshotAsync(Path.Combine(Screenshots, $"{name}.png"), new ScreenshotOptions { FullPage = true });
    }
}
