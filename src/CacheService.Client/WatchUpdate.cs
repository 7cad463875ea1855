using Grpc.Core;

namespace CacheService.Client;

/// <summary>
/// What a watch tells. It begins with <see cref="Connected"/>, <see cref="Reset"/>, the current counts as <see cref="Changes"/> and
/// <see cref="Synced"/>; then come changes and heartbeats. After <see cref="Disconnected"/> the watch connects again by itself and tells
/// what has changed since, with a <see cref="Reset"/> first where the server cannot say.
/// </summary>
public abstract record WatchUpdate
{
    private WatchUpdate()
    {
    }

    /// <summary>A server answers.</summary>
    /// <param name="Address">Which.</param>
    public sealed record Connected(Uri Address) : WatchUpdate;

    /// <summary>Forget all counts that this watch has told: what follows, up to <see cref="Synced"/>, is everything there is.</summary>
    /// <param name="Freshness">The snapshot that follows.</param>
    public sealed record Reset(Freshness Freshness) : WatchUpdate;

    /// <summary>Counts that are new or have changed, and messages that no longer exist.</summary>
    /// <param name="Counts">The latest counts, each message once.</param>
    /// <param name="RemovedMessageIds">Messages that have been deleted.</param>
    /// <param name="Coalesced">How many changes before these were left out because a later one has taken their place.</param>
    /// <param name="Freshness">How far the watch has got.</param>
    public sealed record Changes(IReadOnlyList<MessageCounts> Counts, IReadOnlyList<long> RemovedMessageIds, ulong Coalesced, Freshness Freshness)
        : WatchUpdate;

    /// <summary>All that was to be told after connecting has been told: what the watch has told is now complete.</summary>
    /// <param name="Freshness">The snapshot that has been told.</param>
    public sealed record Synced(Freshness Freshness) : WatchUpdate;

    /// <summary>Nothing has changed, or the state of the server's feed has.</summary>
    /// <param name="Freshness">How old the counts are at most, and the state of the feed.</param>
    public sealed record Heartbeat(Freshness Freshness) : WatchUpdate;

    /// <summary>The connection is gone, or could not be made. Told once for each attempt that failed.</summary>
    /// <param name="Status">The status that the call ended with; DEADLINE_EXCEEDED where the server had fallen silent.</param>
    /// <param name="Reason">Why, in words.</param>
    /// <param name="RetryIn">The pause before the next attempt.</param>
    public sealed record Disconnected(StatusCode Status, string Reason, TimeSpan RetryIn) : WatchUpdate;
}
