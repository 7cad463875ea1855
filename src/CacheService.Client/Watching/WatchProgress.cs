using CacheService.Client.Connections;
using TweetCounts.V1;

namespace CacheService.Client.Watching;

/// <summary>Follows the messages of one watch over all its connections, and knows from where to resume, and behind what never to go back.</summary>
internal sealed class WatchProgress
{
    /// <summary>In place of a revision: the message has been told to be gone.</summary>
    private const ulong Gone = ulong.MaxValue;

    // What has been told since the point to resume from, by revision. Mostly nothing: what comes in one message raises that point.
    private readonly Dictionary<long, ulong> _ahead = [];

    /// <summary>From where the next connection can go on; null where it has to start over.</summary>
    public ResumePoint? Resume { get; private set; }

    /// <summary>What nothing that has been told is ahead of, in the latest epoch that was heard of; null: nothing has been told. A reset does not take it back: whoever forgets has seen it all the same.</summary>
    public WatchPoint? Seen { get; private set; }

    /// <summary>Whether this connection has told all that there was to tell at its begin.</summary>
    public bool Synced { get; private set; }

    /// <summary>A new connection begins.</summary>
    public void Begin() => Synced = false;

    /// <summary>Says in the request of a connection where it goes on.</summary>
    public void Continue(WatchCountsRequest request)
    {
        (request.ResumeEpoch, request.ResumeRevision) = Resume is { } resume ? (resume.Epoch, resume.Revision) : ("", 0);
        request.Seen = Seen;
    }

    /// <summary>Takes over the next message of the connection. What an earlier connection told before it was cut off is not told again.</summary>
    public IEnumerable<WatchUpdate> Apply(WatchCountsResponse message)
    {
        var freshness = Wire.Of(message.Freshness);
        NoteSeen(message.Seen ?? new WatchPoint { Epoch = freshness.Epoch, Revision = freshness.Revision });
        if (message.Reset)
        {
            // Cut off from here to synced, the client holds only a part: there is nothing to resume.
            Resume = null;
            Synced = false;
            _ahead.Clear();
            yield return new WatchUpdate.Reset(freshness);
        }

        // Before synced the revision says what is on its way, not what has come. A resume that is cut off keeps its old point.
        Synced |= message.Synced;
        var advances = Synced && freshness.Epoch.Length > 0 && Resume != new ResumePoint(freshness.Epoch, freshness.Revision);

        MessageCounts[] counts = Wire.Of(message.Counts);
        long[] removed = [.. message.RemovedMessageIds];
        if (_ahead.Count > 0)
        {
            counts = [.. counts.Where(told => !_ahead.TryGetValue(told.MessageId, out var known) || known == Gone || told.Revision > known)];
            removed = [.. removed.Where(messageId => !_ahead.TryGetValue(messageId, out var known) || (known != Gone && (!advances || known <= freshness.Revision)))];
        }

        var hasChanges = counts.Length > 0 || removed.Length > 0;
        if (hasChanges)
        {
            yield return new WatchUpdate.Changes(counts, removed, message.Coalesced, freshness);
        }

        if (advances)
        {
            Advance(new ResumePoint(freshness.Epoch, freshness.Revision));
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

    private void NoteSeen(WatchPoint told)
    {
        if (told.Epoch.Length > 0 && (Seen?.Epoch != told.Epoch || Seen.Revision < told.Revision))
        {
            Seen = told;
        }
    }

    private void Advance(ResumePoint point)
    {
        var isSameEpoch = Resume?.Epoch == point.Epoch;
        Resume = point;
        foreach (var (messageId, known) in _ahead)
        {
            // Servers that do not know of the point that was seen may be behind it.
            if (!isSameEpoch || known == Gone || known <= point.Revision)
            {
                _ahead.Remove(messageId);
            }
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
