using System.Globalization;
using Spectre.Console;

namespace CacheService.Tool.Output;

/// <summary>How tables look at a terminal.</summary>
internal static class Tables
{
    /// <summary>A table of numbers.</summary>
    public static Table Create(params string[] columns)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in columns)
            table.AddColumn(new TableColumn($"[grey]{column}[/]").RightAligned().NoWrap());
        return table;
    }

    /// <summary>Adds a column of text of that width.</summary>
    public static Table WithText(this Table table, string column, int width) => table.AddColumn(new TableColumn($"[grey]{column}[/]").Width(width).NoWrap());

    public static Markup Id(long messageId) => new(string.Create(CultureInfo.InvariantCulture, $"[bold]{messageId}[/]"));

    public static Markup Number(long number) => new(number.ToString("N0", CultureInfo.InvariantCulture));

    /// <summary>A number that has just grown or shrunk stands out: see <see cref="Watching.Highlights"/>.</summary>
    public static Markup Number(long number, int direction) => direction switch
    {
        0 => Number(number),
        > 0 => new(number.ToString("N0", CultureInfo.InvariantCulture), new Style(Color.Black, Color.Green)),
        < 0 => new(number.ToString("N0", CultureInfo.InvariantCulture), new Style(Color.Black, Color.Yellow)),
    };

    public static Markup Plain(string text) => new(Markup.Escape(text));

    public static Markup Faint(string text) => new($"[grey]{Markup.Escape(text)}[/]");
}
