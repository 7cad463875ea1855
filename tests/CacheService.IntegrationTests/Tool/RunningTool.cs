using CacheService.IntegrationTests.Infrastructure;
using CacheService.Tool;
using CacheService.Tool.Output;

namespace CacheService.IntegrationTests.Tool;

/// <summary>A run of the command line that goes on until the test stops it, as Ctrl-C does.</summary>
internal sealed class RunningTool : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private readonly TextWriter _outputGate;
    private readonly TextWriter _errorGate;
    private readonly Task<int> _run;

    private RunningTool(bool interactive, string[] args)
    {
        _outputGate = TextWriter.Synchronized(_output);
        _errorGate = TextWriter.Synchronized(_error);
        var terminal = new Terminal(_outputGate, _errorGate, interactive);
        _run = Task.Run(() => CommandLine.RunAsync(CacheService.Tool.Program.Root(terminal, TimeProvider.System), args, terminal, _stop.Token));
    }

    public string Output => Read(_outputGate, _output);

    public string Error => Read(_errorGate, _error);

    public static RunningTool Start(params string[] args) => new(interactive: false, args);

    public static RunningTool StartAtTerminal(params string[] args) => new(interactive: true, args);

    /// <summary>Waits until it has printed that.</summary>
    public Task UntilPrintedAsync(string text) => Wait.UntilAsync(() => Output.Contains(text, StringComparison.Ordinal), RunningService.Patience, $"'{text}' is printed");

    /// <summary>Waits until it has printed that to the error stream.</summary>
    public Task UntilToldAsync(string text) => Wait.UntilAsync(() => Error.Contains(text, StringComparison.Ordinal), RunningService.Patience, $"'{text}' is told");

    /// <summary>Waits for its end.</summary>
    public Task<int> WaitAsync() => _run.WaitAsync(RunningService.Patience);

    /// <summary>Stops it, and returns its exit code.</summary>
    public async Task<int> StopAsync()
    {
        await _stop.CancelAsync();
        return await WaitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    // What TextWriter.Synchronized locks is itself.
    private static string Read(TextWriter gate, StringWriter text)
    {
        lock (gate)
        {
            return text.ToString();
        }
    }
}
