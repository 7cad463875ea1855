using System.Text.Json;
using TweetCounts.V1;

namespace CacheService.Tool.Output;

/// <summary>The shapes of --json: numbers are numbers, ages are seconds.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static void Write(Terminal terminal, object value) => terminal.Output.WriteLine(JsonSerializer.Serialize(value, Format));

    public static object Of(Counts counts) => new { counts.MessageId, counts.Retweets, counts.Likes, counts.Revision };

    public static object? Of(Freshness? freshness) => freshness is null ? null : new
    {
        freshness.Epoch,
        freshness.Revision,
        AgeSeconds = freshness.Age?.ToTimeSpan().TotalSeconds,
        State = FeedStates.Name(freshness.State),
    };
}
