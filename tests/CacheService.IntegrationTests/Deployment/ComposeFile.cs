using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>What a compose file of deploy/ says.</summary>
internal sealed partial class ComposeFile
{
    private ComposeFile(string file)
    {
        Location = SourceFolder.PathOf(file);
        Services = Yaml.Read(Location)["services"]!;
        Variables = [.. Variable().Matches(File.ReadAllText(Location)).Select(variable => variable.Groups["name"].Value).Distinct()];
    }

    public static ComposeFile Main { get; } = new("deploy/compose.yaml");

    /// <summary>What is added to it for services that follow others.</summary>
    public static ComposeFile Nats { get; } = new("deploy/compose.nats.yaml");

    public string Location { get; }

    public JsonNode Services { get; }

    /// <summary>The variables that it asks for.</summary>
    public IReadOnlyList<string> Variables { get; }

    /// <summary>The settings of a service, with one password for all.</summary>
    public IReadOnlyDictionary<string, string> SettingsOf(string service, string password) =>
        Services[service]!["environment"]!.AsObject().ToDictionary(setting => setting.Key, setting => Variable().Replace((string)setting.Value!, password));

    /// <summary>The command that tells a service's health.</summary>
    public string[] HealthCommandOf(string service) => [.. Services[service]!["healthcheck"]!["test"]!.AsArray().Skip(1).Select(word => (string)word!)];

    /// <summary>The files and folders that containers are given, each with its place there.</summary>
    public IEnumerable<(string Source, string Target)> Mounts() =>
        from service in Services.AsObject()
        from volume in service.Value!["volumes"]?.AsArray() ?? []
        let parts = ((string)volume!).Split(':')
        where parts[0].StartsWith('.')
        select (Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Location)!, parts[0])), parts[1]);

    [GeneratedRegex(@"\$\{(?<name>\w+):\?[^}]+\}")]
    private static partial Regex Variable();
}
