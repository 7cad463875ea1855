using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Browser;

/// <summary>What the operator's page costs while a thousand counts a second change, of the two hundred that it shows.</summary>
[Explicit("Measures for a minute, and means something only on a machine that does nothing else.")]
internal sealed class PageLoadTrial
{
    private const int Messages = 200;
    private const int ChangesPerSecond = 1_000;
    private const double LongestFrame = 100;
    private const double MostOfACore = 0.05;

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(20);

    [Test]
    public async Task Page_UnderAThousandChangesASecond_DropsNoFrameForLongAndCostsLittle()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(Messages);
        await using var page = await OperatorPage.OpenLiveAsync(service);
        await page.UntilAsync($"document.querySelectorAll('#top .said:not(:empty)').length === {Messages}", "all rows are there");

        var quiet = await MeasureAsync(page, database, changes: false);
        // Without the frames that are counted, which a page that nobody measures does not have.
        var busy = await MeasureAsync(page, database, changes: true);
        await page.AskAsync<object>(
            """
            window.gaps = [];
            let last = performance.now();
            requestAnimationFrame(function next(now) { gaps.push(now - last); last = now; requestAnimationFrame(next); });
            """);
        await WriteAsync(database);
        var gaps = await page.AskAsync<double[]>("gaps.slice(1)");

        await using var other = await page.Page.BrowserContext.NewPageAsync();
        await other.BringToFrontAsync();
        await page.UntilAsync("document.visibilityState === 'hidden'", "the page is hidden");
        await Wait.UntilAsync(() => service.Hub.Count == 0, RunningService.Patience, "the page does not watch");
        var asked = page.Requested.Count;
        var hidden = await MeasureAsync(page, database, changes: true);

        await TestContext.Progress.WriteLineAsync(
            $"""
            frames: {gaps.Length / Round.TotalSeconds:F0} a second, the longest gap {gaps.Max():F0} ms, {gaps.Count(gap => gap > 50)} longer than 50 ms
            of a core: renderer {busy.Renderer:P1}, browser and graphics {busy.Others:P1}, while {busy.Written / Round.TotalSeconds:F0} changes a second were written
            without changes: renderer {quiet.Renderer:P1}, browser and graphics {quiet.Others:P1}; hidden: renderer {hidden.Renderer:P1}, {page.Requested.Count - asked} requests
            """);
        Assert.That(gaps.Max(), Is.LessThan(LongestFrame));
        Assert.That(busy.Renderer, Is.LessThan(MostOfACore));
        Assert.That(page.Requested, Has.Count.EqualTo(asked), "a hidden page asks for nothing");
    }

    private static Task<int> WriteAsync(TestDatabase database) =>
        PacedWriter.WriteAsync(database, ChangesPerSecond, Round, clients: 4, $"insert into tweet.activity (messageid, action) values ($1 * 7919 % {Messages} + 1, 'fav')");

    private static async Task<(double Renderer, double Others, int Written)> MeasureAsync(OperatorPage page, TestDatabase database, bool changes)
    {
        var before = await ProcessorTimesAsync(page);
        var written = 0;
        if (changes)
        {
            written = await WriteAsync(database);
        }
        else
        {
            await Pause.ForAsync(Round);
        }

        var after = await ProcessorTimesAsync(page);
        return ((after.Renderer - before.Renderer) / Round.TotalSeconds, (after.Others - before.Others) / Round.TotalSeconds, written);
    }

    /// <summary>What the browser's processes have used, in seconds.</summary>
    private static async Task<(double Renderer, double Others)> ProcessorTimesAsync(OperatorPage page)
    {
        var session = await page.Page.Browser.Target.CreateCDPSessionAsync();
        var processes = (await session.SendAsync<ProcessInfo>("SystemInfo.getProcessInfo")).Processes;
        await session.DetachAsync();
        return (processes.Where(process => process.Type == "renderer").Sum(process => process.CpuTime), processes.Where(process => process.Type != "renderer").Sum(process => process.CpuTime));
    }

    private sealed record ProcessInfo([property: System.Text.Json.Serialization.JsonPropertyName("processInfo")] BrowserProcess[] Processes);

    private sealed record BrowserProcess(string Type, double CpuTime);
}
