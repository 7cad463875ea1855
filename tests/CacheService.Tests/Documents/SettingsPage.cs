using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text;
using CacheService.Postgres.Embedded;
using CacheService.Settings;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;
using RangeAttribute = System.ComponentModel.DataAnnotations.RangeAttribute;

namespace CacheService.Tests.Documents;

/// <summary>What docs/settings.md has to say, made from the option classes.</summary>
internal static class SettingsPage
{
    private const string TableHead = "| setting | default | range | |\n|--|--|--|--|\n";

    /// <summary>The whole page.</summary>
    public static string Text { get; } = Write();

    private static string Write()
    {
        var page = new StringBuilder(
            """
            # Settings

            This page is made from the code: `TWCACHE_WRITE_DOCS=1 ./test.sh --filter FullyQualifiedName~Documents` writes it anew. `CacheService --help` prints the same.

            Standard .NET configuration. In rising precedence: `appsettings.json` beside the program, environment variables, the command line. `Feed:StaleAfter` is
            `--Feed:StaleAfter=00:00:05` on the command line, `Feed__StaleAfter=00:00:05` in the environment, and `{ "Feed": { "StaleAfter": "00:00:05" } }` in a file.
            Durations are `hours:minutes:seconds`, with a fraction where needed, and `1.00:00:00` is a day. The settings are read at the start. Bad ones, and names that
            are none in these sections, end it; all are named at once.

            ## The server, the database, the log

            Kestrel has more settings than these under `Kestrel`, and .NET more of the log under `Logging`.


            """).Append("| setting | default | |\n|--|--|--|\n");
        foreach (var (name, description, standard) in SettingsHelp.Standard)
            page.Append(CultureInfo.InvariantCulture, $"| `{name}` | {(standard.StartsWith("http", StringComparison.Ordinal) ? $"`{standard}`" : standard)} | {Plain(description)} |\n");

        foreach (var (section, options) in SettingsHelp.Sections)
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## {section}\n\n{TableHead}");
            AddRows(page, section, options);
        }

        return page.ToString().ReplaceLineEndings("\n");
    }

    private static void AddRows(StringBuilder page, string section, Type options)
    {
        var defaults = Activator.CreateInstance(options);
        foreach (var option in options.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var description = Plain(option.GetCustomAttribute<DescriptionAttribute>()!.Description);
            if (SettingsKeys.ItemsOf(option) is { } item)
            {
                page.Append(CultureInfo.InvariantCulture, $"| `{section}:{option.Name}:0`, `:1` … | none | a list | {description} Each has: |\n");
                AddRows(page, $"{section}:{option.Name}:0", item);
            }
            else
            {
                page.Append(CultureInfo.InvariantCulture, $"| `{section}:{option.Name}` | {DefaultOf(option, defaults)} | {RangeOf(option)} | {description} |\n");
            }
        }
    }

    // The one default that is another on each machine.
    private static string DefaultOf(PropertyInfo option, object? defaults) => option.DeclaringType == typeof(EmbeddedOptions) && option.Name == nameof(EmbeddedOptions.DataDirectory)
        ? "the user's data folder: `/var/lib/cacheservice` for root, else `cacheservice` in `$XDG_DATA_HOME`, `~/.local/share` or the system's own"
        : Value(option.GetValue(defaults));

    private static string RangeOf(PropertyInfo option)
    {
        foreach (var attribute in option.GetCustomAttributes())
        {
            switch (attribute)
            {
                case RangeAttribute { OperandType: var type } range when type == typeof(TimeSpan):
                    return $"{Value(TimeSpan.Parse((string)range.Minimum, CultureInfo.InvariantCulture))} to {Value(TimeSpan.Parse((string)range.Maximum, CultureInfo.InvariantCulture))}";
                case RangeAttribute range:
                    return $"{Value(range.Minimum)} to {Value(range.Maximum)}";
                case EnumDataTypeAttribute names:
                    return string.Join(", ", Enum.GetNames(names.EnumType).Select(name => $"`{name}`"));
                case StringLengthAttribute { MinimumLength: var least, MaximumLength: var most }:
                    return least == most ? $"{most} characters" : $"up to {most} characters";
            }
        }

        return option.PropertyType == typeof(bool) ? "`true`, `false`" : "";
    }

    private static string Value(object? value) => value switch
    {
        null or "" => "none",
        // Without the zeros that nobody writes.
        TimeSpan time when time.Ticks % TimeSpan.TicksPerSecond != 0 => $"`{time.ToString("c", CultureInfo.InvariantCulture).TrimEnd('0')}`",
        TimeSpan time => $"`{time:c}`",
        bool flag => flag ? "`true`" : "`false`",
        _ => $"`{Convert.ToString(value, CultureInfo.InvariantCulture)}`",
    };

    // Angle brackets and bars would be the table's own.
    private static string Plain(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
