using System.CommandLine;
using System.CommandLine.Parsing;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands;

/// <summary>Options that take a time such as 500ms, 30s, 5m or 1h.</summary>
internal static class DurationOption
{
    public static Option<TimeSpan?> Create(string name, string description) => new(name)
    {
        HelpName = "TIME",
        Description = description,
        CustomParser = Parse,
    };

    private static TimeSpan? Parse(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (Durations.TryParse(text, out var duration))
            return duration;

        result.AddError($"'{text}' is not a time: write 500ms, 30s, 5m or 1h");
        return null;
    }
}
