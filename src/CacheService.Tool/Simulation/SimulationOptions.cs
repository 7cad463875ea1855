namespace CacheService.Tool.Simulation;

/// <param name="Rate">Writes per second, of all clients together.</param>
/// <param name="Duration">Null: until stopped.</param>
/// <param name="Clients">Connections that write.</param>
/// <param name="Seed">The same seed draws the same messages.</param>
internal sealed record SimulationOptions(double Rate, TimeSpan? Duration, int Clients, int Seed);
