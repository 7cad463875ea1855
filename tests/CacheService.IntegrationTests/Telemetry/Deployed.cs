using System.Text.Json;
using System.Text.RegularExpressions;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>The files of deploy/.</summary>
internal static partial class Deployed
{
    /// <summary>Where they are.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "deploy");

    /// <summary>The alert rules.</summary>
    public static string Alerts { get; } = Path.Combine(Folder, "prometheus", "alerts.yml");

    /// <summary>What proves them.</summary>
    public static string AlertTests { get; } = Path.Combine(Folder, "prometheus", "alerts.test.yml");

    /// <summary>The alerts, each with its expression.</summary>
    public static IReadOnlyList<(string Name, string Expression)> AlertRules =>
        [.. Alert().Matches(File.ReadAllText(Alerts)).Select(alert => (alert.Groups["name"].Value, alert.Groups["expression"].Value.Trim()))];

    /// <summary>The queries of the board, each with its panel's title; with all instances, and the rate over a time that is short for a test.</summary>
    public static IReadOnlyList<(string Panel, string Query)> BoardQueries
    {
        get
        {
            using var board = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "grafana", "tweetcounts.json")));
            return
            [
                .. from panel in board.RootElement.GetProperty("panels").EnumerateArray()
                   where panel.TryGetProperty("targets", out _)
                   from target in panel.GetProperty("targets").EnumerateArray()
                   select (panel.GetProperty("title").GetString()!,
                       target.GetProperty("expr").GetString()!.Replace("$job", ".*", StringComparison.Ordinal).Replace("$instance", ".*", StringComparison.Ordinal).Replace("$__rate_interval", "1m", StringComparison.Ordinal)),
            ];
        }
    }

    [GeneratedRegex(@"- alert: (?<name>\w+)\n\s+expr: (?<expression>.+)\n")]
    private static partial Regex Alert();
}
