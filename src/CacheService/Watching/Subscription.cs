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
    public Signal Signal { get; } = new();

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
        // The signal is left to the garbage collector: the hub may be about to set it.
        hub.Unregister(this);
    }

    internal void End()
    {
        _hasEnded = true;
        Signal.Set();
    }

    /// <summary>Decides what the initial state is, after registering.</summary>
    /// <param name="resume">Where to resume; null: at the beginning, with a reset.</param>
    internal abstract void Begin(ResumePoint? resume);
}

/// <summary>How far an earlier subscription got.</summary>
internal sealed record ResumePoint(string Epoch, ulong Revision);

/// <summary>The counts have another history now, in which revisions of before mean nothing: whoever watches must begin again.</summary>
internal sealed class HistoryReplacedException() : Exception("the service follows another history of the counts by now; connect again and resume");
