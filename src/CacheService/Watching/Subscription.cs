using CacheService.Concurrency;

namespace CacheService.Watching;

/// <summary>
/// A subscriber's place in the hub. One reader collects, whenever it can send; in between the subscription holds what to look at and no values, so that a slow
/// reader costs no memory beyond its messages, and delays nobody.
/// </summary>
internal abstract class Subscription(WatchHub hub) : IDisposable
{
    private volatile bool _hasEnded;

    /// <summary>Set when there is something to collect.</summary>
    public AsyncSignal Signal { get; } = new();

    /// <summary>
    /// What changed since the last call, and first of all the initial state; nothing but the version if nothing did. To be enumerated to its end: a batch that
    /// is dropped is lost.
    /// </summary>
    public abstract IEnumerable<WatchBatch> Collect();

    /// <summary>The counts have another history: what was collected compares with nothing any more, and must not be told.</summary>
    /// <exception cref="HistoryReplacedException">That is so.</exception>
    public void ThrowIfEnded()
    {
        if (_hasEnded)
        {
            throw new HistoryReplacedException();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        hub.Unregister(this);
        Signal.Dispose();
    }

    internal void End()
    {
        _hasEnded = true;
        Signal.Set();
    }

    /// <summary>Decides what the initial state is, after registering.</summary>
    /// <param name="resume">Where to resume, in the epoch that is published, which is not behind it; null: at the beginning, with a reset.</param>
    internal abstract void Begin(ResumePoint? resume);
}

/// <summary>How far an earlier subscription got, perhaps at another service.</summary>
/// <param name="Epoch">The history that its revisions are of.</param>
/// <param name="Revision">Everything as of this revision has been told; 0: the subscriber holds nothing that it could go on from.</param>
/// <param name="SeenRevision">Nothing has been told that is of a later revision than this, which is that one or a later one.</param>
internal sealed record ResumePoint(string Epoch, ulong Revision, ulong SeenRevision);

/// <summary>A subscriber has been told of a later revision than the counts are of: it would be told what is older.</summary>
internal sealed class BehindException()
    : Exception("this service is behind what the watch has told already; it catches up, or does not follow the database: connect again, or to another one, and resume");

/// <summary>The counts have another history now, in which revisions of before mean nothing: whoever watches must begin again.</summary>
internal sealed class HistoryReplacedException() : Exception("the service follows another history of the counts by now; connect again and resume");
