using System.Text.Json;
using System.Text.Json.Serialization;
using CacheService.Client;

namespace CacheService.Tool.Output;

/// <summary>The shapes of --json: numbers are numbers, ages are seconds.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };
    private static readonly JsonSerializerOptions LineFormat = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static void Write(Terminal terminal, object value) => terminal.Output.WriteLine(JsonSerializer.Serialize(value, Format));

    /// <summary>One line, for programs that read as it comes. What is null is left out.</summary>
    public static void WriteLine(Terminal terminal, object value) => terminal.Output.WriteLine(JsonSerializer.Serialize(value, LineFormat));

    public static object Of(MessageCounts counts) => new { counts.MessageId, counts.Retweets, counts.Likes, counts.Revision };

    public static object Of(Freshness freshness) => new
    {
        freshness.Epoch,
        freshness.Revision,
        AgeSeconds = freshness.Age?.TotalSeconds,
        State = FeedStates.Name(freshness.State),
        Source = freshness.Source == ReadSource.Database ? "DATABASE" : "CACHE",
    };
}
