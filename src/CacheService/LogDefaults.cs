using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging.Console;

namespace CacheService;

/// <summary>How the log looks where the configuration does not say: one line an entry, with the date; under systemd, which has a date of its own, with the level that it reads.</summary>
internal static class LogDefaults
{
    private const string Section = "Logging:Console";

    /// <summary>Sets what is not configured, and no more.</summary>
    public static void AddLogDefaults(this WebApplicationBuilder builder)
    {
        var console = builder.Configuration.GetSection(Section);
        // Without a name the deprecated settings beside it would replace those of the formatter.
        builder.Services.Configure<ConsoleLoggerOptions>(options => options.FormatterName ??=
            SystemdHelpers.IsSystemdService() || string.Equals(console["Format"], ConsoleFormatterNames.Systemd, StringComparison.OrdinalIgnoreCase) ? ConsoleFormatterNames.Systemd : ConsoleFormatterNames.Simple);
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

    private static bool IsSet(IConfigurationSection console, string option) => console[$"FormatterOptions:{option}"] is not null;
}
