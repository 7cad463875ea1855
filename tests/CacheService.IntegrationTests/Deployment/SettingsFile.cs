using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>A file of <c>NAME=value</c> lines in deploy/.</summary>
internal static class SettingsFile
{
    public static IReadOnlyDictionary<string, string> Read(string file) => File.ReadLines(SourceFolder.PathOf(file))
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => line.Split('=', 2))
        .ToDictionary(parts => parts[0], parts => parts[1]);

    /// <summary>The settings as arguments of the service.</summary>
    public static string[] AsArguments(IEnumerable<KeyValuePair<string, string>> settings) => [.. settings.Select(setting => $"--{setting.Key.Replace("__", ":", StringComparison.Ordinal)}={setting.Value}")];
}
