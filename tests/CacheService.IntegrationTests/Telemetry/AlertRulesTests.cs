using System.Diagnostics;
using System.Text.RegularExpressions;
using CacheService.IntegrationTests.Interop;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>The alert rules are rules, and each is proven: it is silent, then it fires.</summary>
internal sealed partial class AlertRulesTests
{
    [Test]
    public Task Rules_Always_AreRules() => RunAsync("check", "rules", Deployed.Alerts);

    [Test]
    public Task Rules_OverTheirHistories_FireWhenTheyShould() => RunAsync("test", "rules", Deployed.AlertTests);

    [Test]
    public void Rules_Always_AreAllProven()
    {
        var names = Deployed.AlertRules.Select(rule => rule.Name).ToList();
        var tests = File.ReadAllText(Deployed.AlertTests);
        Assert.That(names, Has.Count.EqualTo(File.ReadAllText(Deployed.Alerts).Split("- alert:").Length - 1).And.Unique);
        Assert.That(Silent().Matches(tests).Select(test => test.Groups["name"].Value), Is.SupersetOf(names));
        Assert.That(Firing().Matches(tests).Select(test => test.Groups["name"].Value), Is.SupersetOf(names));
    }

    private static async Task RunAsync(params string[] arguments)
    {
        var (code, output) = await ForeignProgram.RunToEndAsync(new ProcessStartInfo(Prometheus.Require("promtool"), arguments) { RedirectStandardOutput = true, RedirectStandardError = true });
        Assert.That(code, Is.Zero, output);
        Assert.That(output, Does.Contain("SUCCESS"));
    }

    [GeneratedRegex(@"alertname: (?<name>\w+)\n\s+exp_alerts: \[\]")]
    private static partial Regex Silent();

    [GeneratedRegex(@"alertname: (?<name>\w+)\n\s+exp_alerts:\n\s+- exp_labels:")]
    private static partial Regex Firing();
}
