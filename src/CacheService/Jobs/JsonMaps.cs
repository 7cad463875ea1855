using System.Text.Json;

namespace CacheService.Jobs;

/// <summary>Parameters and numbers as the database has them: objects of JSON.</summary>
internal static class JsonMaps
{
    /// <summary>An object whose values are texts; others as JSON writes them.</summary>
    public static IReadOnlyDictionary<string, string> Texts(string json) =>
        JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!.ToDictionary(pair => pair.Key, pair => pair.Value.ToString(), StringComparer.Ordinal);

    /// <summary>An object whose values are whole numbers.</summary>
    public static IReadOnlyDictionary<string, long> Numbers(string json) => JsonSerializer.Deserialize<Dictionary<string, long>>(json)!;

    /// <summary>As JSON.</summary>
    public static string Write<T>(IReadOnlyDictionary<string, T> map) => JsonSerializer.Serialize(map);
}
