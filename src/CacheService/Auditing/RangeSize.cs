namespace CacheService.Auditing;

/// <summary>How many messages an audit recounts at once: as many as the database counts in a moment, which depends on their activity; and how long it may take.</summary>
/// <param name="maxTimeout">The longest that a recount may take; null: for ever.</param>
/// <param name="isIndexed">Whether the activity of a message can be found without reading that of all: else few messages take as long as many.</param>
internal sealed class RangeSize(TimeSpan? maxTimeout = null, bool isIndexed = true)
{
    private const int First = 1000;

    /// <summary>As many as the store is read at once for.</summary>
    private const int Most = 10_000;
    private const int MostGrowth = 4;

    /// <summary>What holds the tables' locks for longer would hold up a TRUNCATE or an ALTER TABLE, and the writers behind that.</summary>
    private static readonly TimeSpan Target = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan FirstTimeout = TimeSpan.FromSeconds(5);

    private readonly TimeSpan _maxTimeout = maxTimeout ?? TimeSpan.MaxValue;

    /// <summary>How many to recount next.</summary>
    public int Messages { get; private set; } = isIndexed ? First : Most;

    /// <summary>How long that may take.</summary>
    public TimeSpan Timeout { get; private set; } = maxTimeout is { } most && (most < FirstTimeout || !isIndexed) ? most : FirstTimeout;

    /// <summary>Learns how long the last recount took.</summary>
    public void Adapt(TimeSpan took)
    {
        if (isIndexed)
        {
            var factor = Math.Min(Target / took, MostGrowth);
            Messages = (int)Math.Clamp(Messages * factor, 1, Most);
        }
    }

    /// <summary>After a recount that took too long for the database.</summary>
    /// <returns>False: it cannot be smaller.</returns>
    public bool TryShrink()
    {
        if (Messages == 1 || !isIndexed)
        {
            return false;
        }

        Messages = Math.Max(1, Messages / 8);
        return true;
    }

    /// <summary>After a recount that took too long, and cannot be smaller.</summary>
    /// <returns>False: it may not take longer.</returns>
    public bool TryExtend()
    {
        if (Timeout >= _maxTimeout)
        {
            return false;
        }

        Timeout = Timeout * MostGrowth < _maxTimeout ? Timeout * MostGrowth : _maxTimeout;
        return true;
    }
}
