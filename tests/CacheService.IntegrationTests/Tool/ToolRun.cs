using System.Text.RegularExpressions;
using CacheService.Tool;
using CacheService.Tool.Output;

namespace CacheService.IntegrationTests.Tool;

/// <summary>What a run of the command line printed, and its exit code.</summary>
internal sealed partial record ToolRun(int ExitCode, string Output, string Error)
{
    /// <summary>What it has said beside its output, without how far an import has got: that is said only where it takes long.</summary>
    public string ErrorWithoutProgress => Progress().Replace(Error, "");

    public IReadOnlyList<string> OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Runs it in this process, not at a terminal.</summary>
    public static Task<ToolRun> RunAsync(params string[] args) => RunAsync(interactive: false, CancellationToken.None, args);

    public static async Task<ToolRun> RunAsync(bool interactive, CancellationToken stop, params string[] args)
    {
        // Several clients and views print at the same time.
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new Terminal(TextWriter.Synchronized(output), TextWriter.Synchronized(error), interactive);
        var exitCode = await CommandLine.RunAsync(CacheService.Tool.Program.Root(terminal, TimeProvider.System), args, terminal, stop);
        return new ToolRun(exitCode, Style().Replace(output.ToString(), ""), error.ToString().TrimEnd());
    }

    // Colours and bold only: other control sequences stay, for a test to find.
    [GeneratedRegex(@"\e\[[0-9;]*m")]
    private static partial Regex Style();

    // The table, with its schema, stands before it.
    [GeneratedRegex(@"^\w+\.\w+: .*\n?", RegexOptions.Multiline)]
    private static partial Regex Progress();
}
