using Spectre.Console;

namespace CacheService.Tool.Output;

/// <summary>Where a command prints: results to the output, what went wrong to the error stream.</summary>
internal sealed class Terminal(TextWriter output, TextWriter error, bool interactive)
{
    private readonly Lazy<IAnsiConsole> _console = new(() => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(output),
        Interactive = interactive ? InteractionSupport.Yes : InteractionSupport.No,
        Ansi = interactive ? AnsiSupport.Detect : AnsiSupport.No,
    }));

    public TextWriter Output => output;

    public TextWriter Error => error;

    /// <summary>Whether a person is looking: then tables and colours, else plain lines for other programs.</summary>
    public bool Interactive => interactive;

    public IAnsiConsole Console => _console.Value;

    public static Terminal OfProcess() => new(System.Console.Out, System.Console.Error, !System.Console.IsOutputRedirected);

    /// <summary>Prints a sentence; at a terminal it is broken between words.</summary>
    public void Print(string line)
    {
        if (interactive)
            Console.WriteLine(line);
        else
            output.WriteLine(line);
    }

    public void Note(string message) => error.WriteLine(message);

    public void Fail(string message) => error.WriteLine($"{CommandLine.Name}: {PlainText.OneLine(message)}");
}
