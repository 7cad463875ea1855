using System.CommandLine;
using CacheService.Tool.Database;
using CacheService.Tool.Output;
using Npgsql;

namespace CacheService.Tool.Commands;

/// <summary>A command with examples in its help, whose failures end in one line on stderr.</summary>
internal abstract class ToolCommand : Command
{
    private readonly Terminal _terminal;

    protected ToolCommand(string name, string description, Terminal terminal) : base(name, description)
    {
        _terminal = terminal;
        SetAction(RunGuardedAsync);
    }

    /// <summary>Shown by --help.</summary>
    public abstract IReadOnlyList<Example> Examples { get; }

    protected abstract Task<int> RunAsync(ParseResult arguments, CancellationToken stop);

    private async Task<int> RunGuardedAsync(ParseResult arguments, CancellationToken stop)
    {
        try
        {
            return await RunAsync(arguments, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            _terminal.Fail("interrupted");
            return ExitCode.Interrupted;
        }
        catch (ToolException e)
        {
            _terminal.Fail(e.Message);
            return ExitCode.Failure;
        }
        catch (NpgsqlException e)
        {
            _terminal.Fail(DatabaseAdvice.Describe(e));
            return ExitCode.Failure;
        }
    }
}
