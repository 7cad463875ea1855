using System.Globalization;
using System.Text.RegularExpressions;
using CacheService.IntegrationTests.Browser;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Examples;

/// <summary>The example that is a web page, and the lines for a page in docs/http.md, in a real browser.</summary>
// Beside other fixtures: it waits more than it works, for processes of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed partial class PageExampleTests
{
    [Test]
    public async Task Page_WhateverHappens_ShowsWhatTheViewSays()
    {
        await using var page = await ShownPage.StartAsync();
        await using var scenario = await ExampleScenario.StartAsync(overHttp: true, $"--Security:CorsOrigins={page.Origin}");
        page.Html = await File.ReadAllTextAsync(SourceFolder.PathOf("examples/browser/index.html"));
        await using var shown = await Chromium.OpenPageAsync(new Uri($"{page.Origin}/?service=http://{scenario.Address}&ids={string.Join(',', ExampleScenario.MessageIds)}"));
        await UntilShownAsync(page, "LIVE");
        await UntilShownAsync(page, "watches begun: 1, resumed: 0");
        await scenario.UntilKnownAsync(() => CountsOf(page));

        await scenario.WriteAsync(1);
        await scenario.UntilKnownAsync(() => CountsOf(page));

        await scenario.CutOffAsync();
        await UntilShownAsync(page, "watches begun: 1, resumed: 1");
        await scenario.UntilKnownAsync(() => CountsOf(page));

        await using (await scenario.TakeDatabaseAwayAsync())
        {
            await UntilShownAsync(page, "STALE");
        }

        await UntilShownAsync(page, "LIVE");

        await scenario.RestartServiceAsync();
        await UntilShownAsync(page, "watches begun: 2, resumed: 1");
        await scenario.UntilKnownAsync(() => CountsOf(page));
    }

    [Test]
    public async Task LinesOfTheDocument_PastedIntoAPage_ShowCountsThatMove()
    {
        await using var page = await ShownPage.StartAsync();
        await using var scenario = await ExampleScenario.StartAsync(overHttp: true, $"--Security:CorsOrigins={page.Origin}");
        var lines = Html().Match(await File.ReadAllTextAsync(SourceFolder.PathOf("docs/http.md"))).Groups["lines"].Value;
        Assert.That(lines.TrimEnd().Split('\n'), Has.Length.LessThanOrEqualTo(10).And.Some.Contains("http://127.0.0.1:5081"));
        page.Html = lines.Replace("127.0.0.1:5081", scenario.Address, StringComparison.Ordinal);
        await using var shown = await Chromium.OpenPageAsync(new Uri(page.Origin));
        await UntilShownAsync(page, "Message 1: 1 retweets, 0 likes");

        await scenario.WriteAsync(1);
        await UntilShownAsync(page, "Message 1: 2 retweets, 1 likes");
        await scenario.CutOffAsync();
        await UntilShownAsync(page, "Message 1: 4 retweets, 3 likes");
        await scenario.RestartServiceAsync();
        await scenario.WriteAsync(1);
        await UntilShownAsync(page, "Message 1: 5 retweets, 4 likes");
    }

    private static Task UntilShownAsync(ShownPage page, string text) =>
        Wait.UntilAsync(() => page.Text.Contains(text, StringComparison.Ordinal), RunningService.Patience, $"the page shows '{text}'");

    private static Dictionary<long, (long, long)> CountsOf(ShownPage page) =>
        Row().Matches(page.Text).ToDictionary(row => Number(row, "message"), row => (Number(row, "retweets"), Number(row, "likes")));

    private static long Number(Match match, string group) => long.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<message>\d+)\t(?<retweets>-?\d+)\t(?<likes>-?\d+)\s*$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"```html\n(?<lines>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Html();
}
