using CacheService.LoadTests.Articles;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Reporting;
using Measurements = CacheService.LoadTests.Measuring.Series;

namespace CacheService.IntegrationTests.LoadTests;

/// <summary>What the articles printed, beside what was measured.</summary>
internal sealed class PublishedFiguresTests
{
    [TestCase(10, "323", "469 (1.45)", "")]
    [TestCase(50, "986", "1,337 (1.36)", "")]
    [TestCase(100, "1,230; 1,186", "1,496 (1.22)", "966 (0.81)")]
    public void PrintedFigures_OfABenchmark_AreTheArticles(int retweets, string update, string insert, string notify)
    {
        var scenario = Measured(new RetweetWorkers(100, retweets));

        Assert.That(Figures.Published(scenario, scenario.Find(Contender.Update)!), Is.EqualTo(update));
        Assert.That(Figures.Published(scenario, scenario.Find(Contender.Insert)!), Is.EqualTo(insert));
        Assert.That(Figures.Published(scenario, scenario.Find(Contender.Notify)!), Is.EqualTo(notify));
        Assert.That(Figures.Published(scenario, scenario.Find(Contender.Cache)!), Is.Empty);
    }

    [Test]
    public void Reports_WithPublishedFigures_ShowThemBesideTheMeasured()
    {
        var (terminal, page, json) = Report(Measured(new RetweetWorkers(100, 10)));

        var line = terminal.Split('\n').Single(line => line.TrimStart().StartsWith($"{Contender.Insert}  ", StringComparison.Ordinal));
        Assert.That(line, Does.Contain("2,000").And.Contain("2.00 (2.00 to 2.00)").And.Contain("469 (1.45)"));
        Assert.That(page, Does.Contain("<th>printed</th>").And.Contain("<td>469 (1.45)</td>").And.Contain("<details open>"));
        Assert.That(json, Does.Contain("\"ratioToBaseline\": 1.45").And.Contain("Modeling for Concurrency"));
    }

    [Test]
    public void Reports_WithoutPublishedFigures_HaveNoPlaceForThem()
    {
        var (terminal, page, _) = Report(Measured(new RetweetWorkers(4, 5)));

        Assert.That(terminal, Does.Contain("2.00 (2.00 to 2.00)").And.Not.Contain("printed"));
        Assert.That(page, Does.Contain("2.00 (2.00 to 2.00)").And.Not.Contain("printed").And.Not.Contain("<details open>"));
    }

    // Whoever is not the baseline is twice as fast.
    private static Scenario Measured(RetweetWorkers workers)
    {
        Measurements[] series = [.. Contender.All.Select(contender => Measurements.Of(contender.Name, [new RoundResult(contender.Name == Contender.Update ? 1_000 : 2_000)]))];
        return new Scenario(ArticlesPart.ScenarioName(workers), "retweets/s", Contender.Update, series) { Published = PrintedRun.Of(workers) };
    }

    private static (string Terminal, string Page, string Json) Report(Scenario scenario)
    {
        var part = new PartResult(PartNames.Series, "Articles") { Scenarios = { scenario } };
        using var output = new StringWriter();
        new TerminalReport(OutputConsole.Plain(output)).PrintPart(part);
        var none = new Dictionary<string, string>();
        var report = new RunReport(DateTimeOffset.UnixEpoch, TimeSpan.Zero, none, none, LoadTestOptions.Usual, [part], []);
        return (output.ToString(), HtmlReport.Of(report), JsonReport.Of(report));
    }
}
