using CacheService.Metrics;
using CacheService.Telemetry;

namespace CacheService.Tests.Documents;

/// <summary>docs/metrics.md says of every instrument what the code says, and what is for Prometheus names only what there is.</summary>
internal sealed partial class MetricsPageTests
{
    private const string Page = "docs/metrics.md";
    private const string WriteVariable = "TWCACHE_WRITE_DOCS";

    [Test]
    public void MetricsPage_Always_IsWhatTheInstrumentsSay()
    {
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1")
            File.WriteAllText(Path.Combine(Repository.Root, Page), MetricsPage.Text);

        Assert.That(Repository.Read(Page), Is.EqualTo(MetricsPage.Text), $"{Page} is not what the instruments say. Write it anew: {WriteVariable}=1 ./test.sh --filter FullyQualifiedName~Documents");
    }

    [Test]
    public void Instruments_Always_HaveAUnitAndSayWhatTheyMean()
    {
        Assert.That(MetricsPage.All, Has.Count.GreaterThan(25));
        Assert.That(MetricsPage.All.Where(instrument => string.IsNullOrEmpty(instrument.Unit) || instrument.Description is not [.., '.'] || !instrument.Name.StartsWith("tweetcounts.", StringComparison.Ordinal)).Select(instrument => instrument.Name), Is.Empty);
    }

    [Test]
    public void Tags_Always_AreOfInstrumentsThatThereAre() =>
        Assert.That(Instruments.Tags.Keys.Concat(StateMetrics.Tags.Keys), Is.SubsetOf(MetricsPage.All.Select(instrument => instrument.Name)));

    [TestCase("deploy/grafana/tweetcounts.json")]
    [TestCase("deploy/prometheus/alerts.yml")]
    [TestCase("deploy/prometheus/alerts.test.yml")]
    [TestCase("docs/operations.md")]
    public void Names_InWhatIsForPrometheus_AreThoseOfInstruments(string file)
    {
        var known = MetricsPage.All.Select(MetricsPage.PrometheusNameOf).ToHashSet();
        var named = Name().Matches(Repository.Read(file)).Select(name => Series().Replace(name.Value, "")).ToHashSet();
        Assert.That(named, Is.Not.Empty.And.SubsetOf(known));
    }

    [System.Text.RegularExpressions.GeneratedRegex(@"\btweetcounts_\w+")]
    private static partial System.Text.RegularExpressions.Regex Name();

    [System.Text.RegularExpressions.GeneratedRegex("(?<=_seconds)_(?:bucket|count|sum)$")]
    private static partial System.Text.RegularExpressions.Regex Series();
}
