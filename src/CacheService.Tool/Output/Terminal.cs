using Microsoft.Win32.SafeHandles;
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

    public static Terminal OfProcess() => new(OpenOutput(), System.Console.Error, !System.Console.IsOutputRedirected);

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

    // The console drops what a closed pipe does not take, without a word: a command that goes on until it is stopped would outlive `| head`.
    private static TextWriter OpenOutput()
    {
        const int StandardOutput = 1;
        if (OperatingSystem.IsWindows() || !System.Console.IsOutputRedirected)
            return System.Console.Out;

        var pipe = new FileStream(new SafeFileHandle(StandardOutput, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return pipe.CanSeek ? System.Console.Out : TextWriter.Synchronized(new StreamWriter(pipe) { AutoFlush = true });
    }
}
