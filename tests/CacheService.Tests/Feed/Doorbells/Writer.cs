namespace CacheService.Tests.Feed.Doorbells;

/// <summary>A writer's transaction.</summary>
internal sealed class Writer
{
    /// <summary>Its id; null: none is open.</summary>
    public ulong? Xid { get; set; }

    /// <summary>How many changes it has made.</summary>
    public int Changes { get; set; }

    /// <summary>Whether it shares the ASLEEP lock until it ends.</summary>
    public bool SharesAsleep { get; set; }

    /// <summary>Whether its commit rings.</summary>
    public bool Rings { get; set; }
}
