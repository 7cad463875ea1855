namespace CacheService.Client.Connections;

/// <summary>Growing pauses between attempts: doubled each time up to a maximum, each drawn from its upper half.</summary>
internal sealed class RetryPauses(TimeSpan maximum)
{
    public static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);

    private TimeSpan _next = First;

    public TimeSpan Next()
    {
        var pause = _next < maximum ? _next : maximum;
        _next = pause * 2;
        return pause * (0.5 + (Random.Shared.NextDouble() / 2));
    }

    public void Reset() => _next = First;
}
