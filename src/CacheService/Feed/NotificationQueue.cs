namespace CacheService.Feed;

/// <summary>The server's notification queue, as it was last looked at. Thread-safe.</summary>
internal sealed class NotificationQueue
{
    /// <summary>From this share on no writer is made to ring: when the queue is full, its commit fails.</summary>
    private const double Full = 0.5;

    private double _usage;

    /// <summary>The used share, 0 to 1.</summary>
    public double Usage => Volatile.Read(ref _usage);

    /// <summary>Whether it is so full that no writer is to ring.</summary>
    public bool IsTooFullToRing => Usage >= Full;

    /// <summary>It was looked at.</summary>
    /// <param name="usage">The used share.</param>
    public void Note(double usage) => Volatile.Write(ref _usage, usage);
}
