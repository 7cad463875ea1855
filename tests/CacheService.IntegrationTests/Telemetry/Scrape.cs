using System.Globalization;
using System.Text.RegularExpressions;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>What <c>GET /metrics</c> answered.</summary>
internal sealed partial class Scrape
{
    private readonly List<Sample> _samples;

    public Scrape(string text) => _samples =
    [
        .. Line().Matches(text).Select(line => new Sample(
            line.Groups["name"].Value,
            Label().Matches(line.Groups["labels"].Value).ToDictionary(label => label.Groups["name"].Value, label => label.Groups["value"].Value),
            double.Parse(line.Groups["value"].Value, CultureInfo.InvariantCulture))),
    ];

    public IReadOnlyList<Sample> Samples => _samples;

    public IReadOnlySet<string> Names => _samples.Select(sample => sample.Name).ToHashSet();

    /// <summary>The sum of a name's samples that have these labels; null where there is none.</summary>
    public double? Sum(string name, params (string Name, string Value)[] labels)
    {
        var found = _samples.Where(sample => sample.Name == name && labels.All(label => sample.Labels.GetValueOrDefault(label.Name) == label.Value)).ToList();
        return found.Count == 0 ? null : found.Sum(sample => sample.Value);
    }

    [GeneratedRegex(@"^(?<name>[a-z]\w*)(?:\{(?<labels>.*)\})? (?<value>\S+)", RegexOptions.Multiline)]
    private static partial Regex Line();

    [GeneratedRegex(@"(?<name>\w+)=""(?<value>(?:[^""\\]|\\.)*)""")]
    private static partial Regex Label();

    internal sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);
}
