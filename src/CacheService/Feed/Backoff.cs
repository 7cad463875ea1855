namespace CacheService.Feed;

/// <summary>Growing, jittered pauses between attempts: doubled each time from 50 ms to a maximum, each drawn from its upper half.</summary>
internal sealed class Backoff(TimeSpan maximum)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);

    private TimeSpan _next = First;

    public TimeSpan NextDelay()
    {
        var delay = _next < maximum ? _next : maximum;
        _next = delay * 2;
        return delay * (0.5 + (Random.Shared.NextDouble() / 2));
    }

    public void Reset() => _next = First;
}
