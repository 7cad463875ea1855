using CacheService.Api.Messages;
using CacheService.Api.Watches;
using CacheService.Client;
using CacheService.Client.Watching;
using CacheService.Tests.Api;
using TweetCounts.V1;
using MessageCounts = CacheService.Client.MessageCounts;

namespace CacheService.Tests.Watching;

/// <summary>
/// A client that is cut off after some messages, and goes on at another service. Holds what a mirror holds, and compares all that it is told with what was true: within an epoch no message is
/// ever of an earlier revision than it was, and as of what is said to have been told nothing is missing, and nothing is there that is not. Between epochs nothing compares.
/// </summary>
internal sealed class MovingClient(IReadOnlyCollection<long>? watched, IReadOnlyDictionary<string, RandomChain> chains) : IWatchClient, IDisposable
{
    private readonly WatchProgress _progress = new();
    private readonly CancellationTokenSource _leaving = new();

    // Of each message the earliest revision that what was told last of it can be of.
    private readonly Dictionary<long, ulong> _asOf = [];
    private string _epoch = "";
    private ulong _syncedTo;
    private Dictionary<long, MessageCounts> _held = [];
    private Dictionary<long, MessageCounts>? _next;
    private Action _afterEach = static () => { };
    private int _left;

    public CancellationToken Gone => _leaving.Token;

    /// <summary>What went wrong.</summary>
    public List<string> Violations { get; } = [];

    public int Resets { get; private set; }

    /// <summary>How many streams were cut off while they had told more than can be resumed from.</summary>
    public int CutOffAhead { get; private set; }

    /// <summary>Whether the stream had told everything, and how far that is.</summary>
    public (string Epoch, ulong Revision)? Synced => _progress is { Synced: true, Resume: { } resume } ? (resume.Epoch, resume.Revision) : null;

    /// <summary>Watches at a service.</summary>
    /// <param name="streams">The service's.</param>
    /// <param name="pace">The least pause between messages with counts; null: none.</param>
    /// <param name="messages">After how many messages the connection breaks.</param>
    /// <param name="afterEach">Called after each.</param>
    /// <returns>Why it ended; null: it was cut off.</returns>
    public async Task<Exception?> WatchAsync(WatchStreams streams, TimeSpan? pace, int messages, Action afterEach)
    {
        var request = new WatchCountsRequest { All = watched is null, MessageIds = { watched ?? [] }, Heartbeat = Span(TimeSpan.FromMilliseconds(10)), MinInterval = pace is null ? null : Span(pace.Value) };
        _progress.Begin();
        _progress.Continue(request);
        (_left, _afterEach) = (messages, afterEach);
        try
        {
            await streams.RunAsync(request, this);
            return null;
        }
        catch (CutOffException)
        {
            CutOffAhead += _progress.Seen?.Revision > (_progress.Resume?.Revision ?? 0) ? 1 : 0;
            return null;
        }
        catch (StreamEndedException e)
        {
            return e;
        }
        finally
        {
            _next = null;
        }

        static Google.Protobuf.WellKnownTypes.Duration Span(TimeSpan time) => Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(time);
    }

    public Task WriteAsync(WatchReply reply)
    {
        var message = WatchMessage.Of(reply);
        NoteEpoch(message.Seen?.Epoch ?? message.Freshness.Epoch);
        foreach (var update in _progress.Apply(message))
        {
            Take(update);
        }

        _afterEach();
        return --_left > 0 ? Task.CompletedTask : throw new CutOffException();
    }

    public void Abort() => _leaving.Cancel();

    public void Dispose() => _leaving.Dispose();

    private void NoteEpoch(string epoch)
    {
        if (epoch.Length > 0 && epoch != _epoch)
        {
            (_epoch, _syncedTo) = (epoch, 0);
            _asOf.Clear();
        }
    }

    private void Take(WatchUpdate update)
    {
        switch (update)
        {
            case WatchUpdate.Reset:
                Resets++;
                _next = [];
                break;
            case WatchUpdate.Changes changes:
                foreach (var counts in changes.Counts)
                {
                    TakeCounts(counts);
                }

                foreach (var messageId in changes.RemovedMessageIds)
                {
                    TakeRemoval(messageId);
                }

                break;
            case WatchUpdate.Synced:
                (_held, _next) = (_next ?? _held, null);
                break;
        }

        // The progress has gone on by then: see WatchProgress.
        if (_progress.Synced && update is WatchUpdate.Synced or WatchUpdate.Heartbeat)
        {
            Check();
        }
    }

    private void TakeCounts(MessageCounts counts)
    {
        var (since, value) = chains[_epoch].At(counts.MessageId, counts.Revision);
        if (since != counts.Revision || value != (counts.Retweets, counts.Likes))
        {
            Violations.Add($"message {counts.MessageId} never had that at revision {counts.Revision}");
        }

        if (counts.Revision < _asOf.GetValueOrDefault(counts.MessageId))
        {
            Violations.Add($"message {counts.MessageId} went back from revision {_asOf[counts.MessageId]} to {counts.Revision}");
        }

        (_next ?? _held)[counts.MessageId] = counts;
        _asOf[counts.MessageId] = counts.Revision;
    }

    private void TakeRemoval(long messageId)
    {
        var held = _next ?? _held;
        if (held.Remove(messageId, out var counts))
        {
            var seen = _progress.Seen!;
            var went = chains[_epoch].WentBetween(messageId, counts.Revision, seen.Revision);
            if (went == 0)
            {
                Violations.Add($"message {messageId}, as of revision {counts.Revision}, has not gone up to {seen.Revision}");
            }

            _asOf[messageId] = went;
        }
    }

    private void Check()
    {
        var (to, seen) = (_progress.Resume!.Value.Revision, _progress.Seen!.Revision);
        if (to < _syncedTo)
        {
            Violations.Add($"what has been told went back from revision {_syncedTo} to {to}");
        }

        _syncedTo = to;
        foreach (var messageId in watched ?? chains[_epoch].MessageIds)
        {
            var (since, value) = chains[_epoch].At(messageId, to);
            if (_held.TryGetValue(messageId, out var held)
                ? held.Revision < since || (value is null && held.Revision == since) || (held.Revision > since && held.Revision <= to)
                : value is not null && chains[_epoch].WentBetween(messageId, to, seen) == 0)
            {
                Violations.Add($"as of revision {to}, ahead to {seen}, message {messageId} is of {since} and {(value is null ? "not " : "")}there; held is revision {held.Revision}");
            }
        }
    }

    private sealed class CutOffException : Exception;
}
