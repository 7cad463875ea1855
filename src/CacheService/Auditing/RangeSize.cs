namespace CacheService.Auditing;

/// <summary>How many messages an audit recounts at once: as many as the database counts in a moment, which depends on their activity.</summary>
internal sealed class RangeSize
{
    private const int First = 1000;

    /// <summary>As many as the store is read at once for.</summary>
    private const int Most = 10_000;
    private const int MostGrowth = 4;

    /// <summary>What holds the tables' locks for longer would hold up a TRUNCATE or an ALTER TABLE, and the writers behind that.</summary>
    private static readonly TimeSpan Target = TimeSpan.FromMilliseconds(60);

    /// <summary>How many to recount next.</summary>
    public int Messages { get; private set; } = First;

    /// <summary>Learns how long the last recount took.</summary>
    public void Adapt(TimeSpan took)
    {
        var factor = Math.Min(Target / took, MostGrowth);
        Messages = (int)Math.Clamp(Messages * factor, 1, Most);
    }

    /// <summary>After a recount that took too long for the database.</summary>
    /// <returns>False: it cannot be smaller.</returns>
    public bool TryShrink()
    {
        if (Messages == 1)
        {
            return false;
        }

        Messages = Math.Max(1, Messages / 8);
        return true;
    }
}
