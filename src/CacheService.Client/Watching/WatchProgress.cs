using CacheService.Client.Connections;
using TweetCounts.V1;

namespace CacheService.Client.Watching;

/// <summary>Follows the messages of one watch over all its connections, and knows from where to resume.</summary>
internal sealed class WatchProgress
{
    /// <summary>From where the next connection can go on; null where it has to start over.</summary>
    public ResumePoint? Resume { get; private set; }

    /// <summary>Whether this connection has told all that there was to tell at its begin.</summary>
    public bool Synced { get; private set; }

    /// <summary>A new connection begins.</summary>
    public void Begin() => Synced = false;

    /// <summary>Takes over the next message of the connection.</summary>
    public IEnumerable<WatchUpdate> Apply(WatchCountsResponse message)
    {
        var freshness = Wire.Of(message.Freshness);
        if (message.Reset)
        {
            // Cut off from here to synced, the client holds only a part: there is nothing to resume.
            Resume = null;
            Synced = false;
            yield return new WatchUpdate.Reset(freshness);
        }

        var hasChanges = message.Counts.Count > 0 || message.RemovedMessageIds.Count > 0;
        if (hasChanges)
        {
            yield return new WatchUpdate.Changes(Wire.Of(message.Counts), [.. message.RemovedMessageIds], message.Coalesced, freshness);
        }

        // Before synced the revision says what is on its way, not what has come. A resume that is cut off keeps its old point.
        Synced |= message.Synced;
        if (Synced && freshness.Epoch.Length > 0)
        {
            Resume = new ResumePoint(freshness.Epoch, freshness.Revision);
        }

        if (message.Synced)
        {
            yield return new WatchUpdate.Synced(freshness);
        }
        else if (!hasChanges && !message.Reset)
        {
            yield return new WatchUpdate.Heartbeat(freshness);
        }
    }
}
