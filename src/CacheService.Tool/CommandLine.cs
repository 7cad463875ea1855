using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using CacheService.Tool.Commands;
using CacheService.Tool.Output;

namespace CacheService.Tool;

/// <summary>Parses the arguments, runs the command and turns its failures into one line and an exit code.</summary>
internal static class CommandLine
{
    public const string Name = "tweetcounts";

    // EPIPE, of Linux and macOS alike.
    private const int BrokenPipe = 32;

    // A command that is told to stop still finishes the write that is under way.
    private static readonly TimeSpan TimeToEnd = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(RootCommand root, string[] args, Terminal terminal, CancellationToken stop = default)
    {
        foreach (var help in root.Options.OfType<HelpOption>())
            help.Action = new HelpWithExamples((HelpAction)help.Action!);

        var parsed = root.Parse(args);
        if (parsed.Action is ParseErrorAction)
        {
            var command = parsed.CommandResult.Command;
            var name = command == root ? Name : $"{Name} {command.Name}";
            terminal.Fail($"{Problem(parsed, root)}; see {name} --help");
            return ExitCode.Usage;
        }

        var invocation = new InvocationConfiguration
        {
            Output = terminal.Output,
            Error = terminal.Error,
            ProcessTerminationTimeout = TimeToEnd,
            EnableDefaultExceptionHandler = false,
        };
        try
        {
            return await parsed.InvokeAsync(invocation, stop);
        }
        catch (IOException e) when (e.HResult == BrokenPipe)
        {
            // The reader of the output, of a command's or of its help, has gone, as with `| head`: there is nobody left to print for.
            return ExitCode.Success;
        }
        catch (Exception e)
        {
            await terminal.Error.WriteLineAsync($"Unhandled exception: {e}");
            return ExitCode.Failure;
        }
    }

    private static string Problem(ParseResult parsed, RootCommand root)
    {
        if (parsed.CommandResult.Command != root || parsed.UnmatchedTokens is not [var word, ..])
            return parsed.Errors[0].Message.TrimEnd('.');

        return Spelling.Closest(word, root.Subcommands.Select(c => c.Name)) is { } meant
            ? $"there is no command {word} (perhaps {meant})"
            : $"there is no command {word}";
    }
}
