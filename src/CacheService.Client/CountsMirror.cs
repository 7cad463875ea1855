using System.Collections;
using CacheService.Client.Mirroring;
using CacheService.Client.Watching;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace CacheService.Client;

/// <summary>
/// The counts of the watched messages, in memory, kept by a watch; see <see cref="TweetCountsClient.StartMirror"/>. Thread-safe; reads take
/// no lock and wait for nothing. Each message's counts are replaced at once, but two messages that one transaction changed may be seen one
/// after the other. When the server has to start over, readers see the old counts until the new ones are complete.
/// </summary>
public sealed class CountsMirror : IEnumerable<MessageCounts>, IAsyncDisposable
{
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _firstSync = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _running;
    private volatile MirrorTable _table = new();
    private volatile MirrorStatus _status = MirrorStatus.Initial;

    // Used by the loop alone: the table to come after a reset, and whether what the server had to say at first has come.
    private MirrorTable? _next;
    private bool _synced;
    private bool _disposed;

    internal CountsMirror(Func<CancellationToken, IAsyncEnumerable<WatchUpdate>> watch, TimeProvider time, ILogger logger)
    {
        _time = time;
        _logger = logger;
        _running = Task.Run(() => RunAsync(watch));
    }

    /// <summary>
    /// The mirror has changed; it holds the change already. After a reset: what differs. Raised on the mirror's own thread of work, one at a
    /// time, and it does not go on before the handlers return. A handler's exception is logged and stops nothing.
    /// </summary>
    public event EventHandler<CountsChangedEventArgs>? Changed;

    /// <summary><see cref="State"/> or <see cref="Detail"/> has changed. Raised as <see cref="Changed"/> is.</summary>
    public event EventHandler? StateChanged;

    /// <summary>How it is doing.</summary>
    public MirrorState State => _status.State;

    /// <summary>Why it is not live, in words; empty when it is.</summary>
    public string Detail => _status.Detail;

    /// <summary>Of the last complete message, as the server gave it; null before the first complete state.</summary>
    public Freshness? Freshness => _status.Freshness;

    /// <summary>
    /// The age that the server gave with the last message, plus the time since that was received: everything committed longer ago is held,
    /// but for the time that the message was under way, which nobody measures. It grows between heartbeats and while disconnected. Null before
    /// the first complete state.
    /// </summary>
    public TimeSpan? Age => _status is { Freshness.Age: { } age } status ? age + _time.GetElapsedTime(status.ReceivedAt) : null;

    /// <summary>How many messages it holds.</summary>
    public int Count => _table.Count;

    /// <summary>The counts of one message; false where it is not watched or does not exist.</summary>
    public bool TryGet(long messageId, out MessageCounts counts) => _table.TryGet(messageId, out counts);

    /// <summary>All counts, in no order. A change while the enumeration runs may or may not be seen; no reset cuts it in two.</summary>
    public IEnumerator<MessageCounts> GetEnumerator() => _table.Enumerate().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Waits until the mirror has been complete for the first time.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled, or the mirror disposed.</exception>
    /// <exception cref="RpcException">The watch failed with an error that no other attempt mends.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public Task WaitUntilSyncedAsync(CancellationToken cancellationToken = default) => _firstSync.Task.WaitAsync(cancellationToken);

    /// <summary>Ends the watch. The mirror keeps what it holds. Not to be awaited in a handler, for which it waits.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
        {
            await _running.ConfigureAwait(false);
            return;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync(Func<CancellationToken, IAsyncEnumerable<WatchUpdate>> watch)
    {
        try
        {
            await foreach (var update in watch(_stop.Token).ConfigureAwait(false))
            {
                Apply(update);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            Become(_status.Behind("the mirror has been disposed"));
            _firstSync.TrySetCanceled();
        }
        catch (Exception e)
        {
            var reason = e is RpcException error ? $"{error.StatusCode}: {error.Status.Detail}" : e.Message;
            _logger.MirrorFailed(reason);
            Become(_status with { State = MirrorState.Failed, Detail = reason });

            // Whoever waits gets it; where nobody does, the log and the state say it.
            _firstSync.TrySetException(e);
            _ = _firstSync.Task.Exception;
        }
    }

    private void Apply(WatchUpdate update)
    {
        switch (update)
        {
            case WatchUpdate.Connected:
                Become(_status.Behind("catching up"));
                break;
            case WatchUpdate.Reset:
                (_next, _synced) = (new MirrorTable(), false);
                Become(_status.Behind("catching up"));
                break;
            case WatchUpdate.Changes changes when _next is not null:
                _next.Apply(changes);
                break;
            case WatchUpdate.Changes changes:
                _table.Apply(changes);
                Received(changes.Freshness);
                Raise(new CountsChangedEventArgs(changes.Counts, changes.RemovedMessageIds));
                break;
            case WatchUpdate.Synced synced:
                Complete(synced.Freshness);
                break;
            case WatchUpdate.Heartbeat heartbeat:
                Received(heartbeat.Freshness);
                break;
            case WatchUpdate.Disconnected disconnected:
                (_next, _synced) = (null, false);
                Become(_status.Behind($"not connected: {disconnected.Reason}"));
                break;
        }
    }

    private void Complete(Freshness freshness)
    {
        var before = _table;
        (_table, _next, _synced) = (_next ?? before, null, true);
        Received(freshness);
        if (_table != before)
        {
            Raise(_table.ChangesSince(before));
        }

        _firstSync.TrySetResult();
    }

    private void Received(Freshness freshness)
    {
        // Until all has come, what is held is as old as it was before.
        if (_synced)
        {
            Become(MirrorStatus.Complete(freshness, _time.GetTimestamp()));
        }
    }

    private void Become(MirrorStatus status)
    {
        var before = _status;
        _status = status;
        if ((status.State, status.Detail) != (before.State, before.Detail) && StateChanged is { } handlers)
        {
            Guard(nameof(StateChanged), () => handlers(this, EventArgs.Empty));
        }
    }

    private void Raise(CountsChangedEventArgs changes)
    {
        if (changes is not { Counts: [], RemovedMessageIds: [] } && Changed is { } handlers)
        {
            Guard(nameof(Changed), () => handlers(this, changes));
        }
    }

    private void Guard(string name, Action handlers)
    {
        try
        {
            handlers();
        }
        catch (Exception e)
        {
            _logger.MirrorHandlerFailed(name, e);
        }
    }
}
