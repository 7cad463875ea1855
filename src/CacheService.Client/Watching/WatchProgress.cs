using CacheService.Client.Connections;
using TweetCounts.V1;

namespace CacheService.Client.Watching;

/// <summary>Follows the messages of one watch over all its connections, and knows from where to resume.</summary>
internal sealed class WatchProgress
{
    /// <summary>In place of a revision: the message has been told to be gone.</summary>
    private const ulong Gone = ulong.MaxValue;

    // What has been told since the point to resume from, by revision. Mostly nothing: what comes in one message raises that point.
    private readonly Dictionary<long, ulong> _ahead = [];

    /// <summary>From where the next connection can go on; null where it has to start over.</summary>
    public ResumePoint? Resume { get; private set; }

    /// <summary>Whether this connection has told all that there was to tell at its begin.</summary>
    public bool Synced { get; private set; }

    /// <summary>A new connection begins.</summary>
    public void Begin() => Synced = false;

    /// <summary>Takes over the next message of the connection. What an earlier connection told before it was cut off is not told again.</summary>
    public IEnumerable<WatchUpdate> Apply(WatchCountsResponse message)
    {
        var freshness = Wire.Of(message.Freshness);
        if (message.Reset)
        {
            // Cut off from here to synced, the client holds only a part: there is nothing to resume.
            Resume = null;
            Synced = false;
            _ahead.Clear();
            yield return new WatchUpdate.Reset(freshness);
        }

        MessageCounts[] counts = Wire.Of(message.Counts);
        long[] removed = [.. message.RemovedMessageIds];
        if (_ahead.Count > 0)
        {
            counts = [.. counts.Where(told => !_ahead.TryGetValue(told.MessageId, out var known) || known == Gone || told.Revision > known)];
            removed = [.. removed.Where(messageId => _ahead.GetValueOrDefault(messageId) != Gone)];
        }

        var hasChanges = counts.Length > 0 || removed.Length > 0;
        if (hasChanges)
        {
            yield return new WatchUpdate.Changes(counts, removed, message.Coalesced, freshness);
        }

        // Before synced the revision says what is on its way, not what has come. A resume that is cut off keeps its old point.
        Synced |= message.Synced;
        var advances = Synced && freshness.Epoch.Length > 0 && Resume != new ResumePoint(freshness.Epoch, freshness.Revision);
        if (advances)
        {
            Resume = new ResumePoint(freshness.Epoch, freshness.Revision);
            _ahead.Clear();
        }

        NoteAhead(counts, removed, advances);
        if (message.Synced)
        {
            yield return new WatchUpdate.Synced(freshness);
        }
        else if (!hasChanges && !message.Reset)
        {
            yield return new WatchUpdate.Heartbeat(freshness);
        }
    }

    private void NoteAhead(MessageCounts[] counts, long[] removed, bool advances)
    {
        if (Resume is not { } resume)
        {
            // Whatever comes next begins with a reset.
            return;
        }

        foreach (var told in counts)
        {
            if (told.Revision > resume.Revision)
            {
                _ahead[told.MessageId] = told.Revision;
            }
        }

        if (!advances)
        {
            foreach (var messageId in removed)
            {
                _ahead[messageId] = Gone;
            }
        }
    }
}
