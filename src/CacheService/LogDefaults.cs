using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging.Console;

namespace CacheService;

/// <summary>How the log looks where the configuration does not say: one line an entry, with the date; under systemd, which has a date of its own, with the level that it reads.</summary>
internal static class LogDefaults
{
    private const string Section = "Logging:Console";
    private const string EachCall = "Microsoft.AspNetCore.Hosting.Diagnostics";

    /// <summary>Sets what is not configured, and no more.</summary>
    public static void AddLogDefaults(this WebApplicationBuilder builder)
    {
        var console = builder.Configuration.GetSection(Section);
        // Without a name the deprecated settings beside it would replace those of the formatter.
        builder.Services.Configure<ConsoleLoggerOptions>(options => options.FormatterName ??=
            SystemdHelpers.IsSystemdService() || string.Equals(console["Format"], ConsoleFormatterNames.Systemd, StringComparison.OrdinalIgnoreCase) ? ConsoleFormatterNames.Systemd : ConsoleFormatterNames.Simple);
        if (!TellsCalls(console) && !HasLevelForCalls(builder.Configuration))
        {
            // As long as it may log anything at all, it makes a scope and an activity of each call, which nobody is told of, and which a watch holds to its end.
            builder.Logging.AddFilter(EachCall, LogLevel.None);
        }

        builder.Services.Configure<SimpleConsoleFormatterOptions>(options =>
        {
            options.SingleLine = IsSet(console, "SingleLine") ? options.SingleLine : true;
            options.TimestampFormat = IsSet(console, "TimestampFormat") ? options.TimestampFormat : "yyyy-MM-dd HH:mm:ss.fff ";
        });
        builder.Services.Configure<JsonConsoleFormatterOptions>(options =>
        {
            options.TimestampFormat = IsSet(console, "TimestampFormat") ? options.TimestampFormat : "yyyy-MM-ddTHH:mm:ss.fffzzz";
            // For programs, which find by it what belongs to one call.
            options.IncludeScopes = IsSet(console, "IncludeScopes") ? options.IncludeScopes : true;
        });
    }

    private static bool TellsCalls(IConfigurationSection console) => bool.TryParse(console["FormatterOptions:IncludeScopes"], out var tells)
        ? tells
        : new[] { console["FormatterName"], console["Format"] }.Contains(ConsoleFormatterNames.Json, StringComparer.OrdinalIgnoreCase);

    private static bool HasLevelForCalls(ConfigurationManager configuration) =>
        configuration.GetSection("Logging:LogLevel").GetChildren().Any(level => level.Key.Length > "Microsoft".Length && EachCall.StartsWith(level.Key, StringComparison.OrdinalIgnoreCase));

    private static bool IsSet(IConfigurationSection console, string option) => console[$"FormatterOptions:{option}"] is not null;
}
