using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>What deploy/compose.yaml says.</summary>
internal static partial class ComposeFile
{
    public static string Location { get; } = SourceFolder.PathOf("deploy/compose.yaml");

    public static JsonNode Services { get; } = Yaml.Read(Location)["services"]!;

    /// <summary>The variables that it asks for.</summary>
    public static IReadOnlyList<string> Variables { get; } = [.. Variable().Matches(File.ReadAllText(Location)).Select(variable => variable.Groups["name"].Value).Distinct()];

    /// <summary>The settings of a service, with one password for all.</summary>
    public static IReadOnlyDictionary<string, string> SettingsOf(string service, string password) =>
        Services[service]!["environment"]!.AsObject().ToDictionary(setting => setting.Key, setting => Variable().Replace((string)setting.Value!, password));

    /// <summary>The command that tells a service's health.</summary>
    public static string[] HealthCommandOf(string service) => [.. Services[service]!["healthcheck"]!["test"]!.AsArray().Skip(1).Select(word => (string)word!)];

    /// <summary>The files and folders that containers are given, each with its place there.</summary>
    public static IEnumerable<(string Source, string Target)> Mounts() =>
        from service in Services.AsObject()
        from volume in service.Value!["volumes"]?.AsArray() ?? []
        let parts = ((string)volume!).Split(':')
        where parts[0].StartsWith('.')
        select (Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Location)!, parts[0])), parts[1]);

    [GeneratedRegex(@"\$\{(?<name>\w+):\?[^}]+\}")]
    private static partial Regex Variable();
}
