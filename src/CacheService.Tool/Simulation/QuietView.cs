using CacheService.Tool.Output;

namespace CacheService.Tool.Simulation;

/// <summary>Only what went wrong, on the error stream.</summary>
internal sealed class QuietView(Terminal terminal) : ISimulationView
{
    public void Tell(string notice) => terminal.Fail(notice);

    public Task ShowAsync(Simulator simulator, CancellationToken ended) => Task.CompletedTask;
}
