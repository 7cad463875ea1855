namespace CacheService.Client;

/// <summary>Which snapshot of the database an answer was taken from, and how old that was at most when the server answered.</summary>
/// <param name="Epoch">Names one load of the server's cache.</param>
/// <param name="Revision">Grows with every change that the cache takes over; compares only within an epoch.</param>
/// <param name="Age">Everything committed longer ago than this, seen from the moment of the answer, is in it. Null where the server has no counts yet.</param>
/// <param name="State">The state of the server's feed.</param>
public sealed record Freshness(string Epoch, ulong Revision, TimeSpan? Age, FeedState State)
{
    /// <summary>Where the counts come from. From the database they have no epoch and no revision, which are the cache's; and the feed, whose state is told, has no part in them.</summary>
    public ReadSource Source { get; init; }
}
