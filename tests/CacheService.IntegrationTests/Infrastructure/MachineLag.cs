using System.Diagnostics;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>
/// How late this machine is with what is due, while a test measures something: a timer beside it tells. A bound in time allows for it, so that it fails for what the
/// service does, and not for what else the machine has to do.
/// </summary>
internal sealed class MachineLag : IAsyncDisposable
{
    // What is measured has passed from one thread or process to another as often as that.
    private const int Steps = 5;

    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(5);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<TimeSpan> _late = [];
    private readonly Task _beating;

    public MachineLag()
    {
        _beating = Task.Run(BeatAsync);
    }

    /// <summary>The latest that it was.</summary>
    public TimeSpan Longest => Sorted()[^1];

    /// <summary>The bound for one measured value, or the worst of several.</summary>
    public TimeSpan Allow(TimeSpan bound) => bound + (Steps * Longest);

    /// <summary>The bound, in milliseconds, for the median of measured values.</summary>
    public double AllowMedian(double milliseconds) => milliseconds + (Steps * Sorted().Average(late => late.TotalMilliseconds));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _beating;
        _stop.Dispose();
    }

    private async Task BeatAsync()
    {
        using var timer = new PeriodicTimer(Beat);
        try
        {
            while (true)
            {
                var before = Stopwatch.GetTimestamp();
                await timer.WaitForNextTickAsync(_stop.Token);
                var late = Stopwatch.GetElapsedTime(before) - Beat;
                lock (_late)
                {
                    _late.Add(late > TimeSpan.Zero ? late : TimeSpan.Zero);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The usual end.
        }
    }

    private List<TimeSpan> Sorted()
    {
        lock (_late)
        {
            return [TimeSpan.Zero, .. _late.Order()];
        }
    }
}
