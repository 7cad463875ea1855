using Spectre.Console;

namespace CacheService.LoadTests.Reporting;

/// <summary>Where a run prints: a terminal as it is, or plain lines of a fair width for a file or a pipe.</summary>
internal static class OutputConsole
{
    private const int PlainWidth = 160;

    public static IAnsiConsole Create() => Console.IsOutputRedirected ? Plain(Console.Out) : AnsiConsole.Console;

    public static IAnsiConsole Plain(TextWriter output)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = PlainWidth;
        return console;
    }
}
