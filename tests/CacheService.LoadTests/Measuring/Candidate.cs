namespace CacheService.LoadTests.Measuring;

/// <summary>One of those that are compared.</summary>
/// <param name="Name">As in the results.</param>
/// <param name="Measure">Works for that long, and tells what it did.</param>
internal sealed record Candidate(string Name, Func<TimeSpan, CancellationToken, Task<RoundResult>> Measure);
