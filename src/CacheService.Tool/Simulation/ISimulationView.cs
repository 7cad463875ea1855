namespace CacheService.Tool.Simulation;

/// <summary>Shows a simulation while it runs.</summary>
internal interface ISimulationView
{
    /// <summary>Something happened that the user should know. May be called from any thread.</summary>
    void Tell(string notice);

    /// <summary>Returns soon after <paramref name="ended"/> is cancelled.</summary>
    Task ShowAsync(Simulator simulator, CancellationToken ended);
}
