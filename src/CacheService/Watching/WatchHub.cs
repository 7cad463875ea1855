using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using CacheService.Counts;
using Microsoft.Extensions.Options;

namespace CacheService.Watching;

/// <summary>
/// Tells subscriptions what changed. For each change it visits those who watch that message, and wakes those who watch all; a version becomes
/// <see cref="Published"/> when all of that is done. So whoever reads <see cref="Published"/>, then takes its marks, then reads the store, knows the state
/// of every message it watches as of that version or a later one.
/// </summary>
internal sealed class WatchHub : IDisposable
{
    private readonly CountsStore _store;
    private readonly SubscriptionOptions _options;
    private readonly ChangeHistory _history = new();
    private readonly ConcurrentDictionary<long, KeyWatchers> _watchersByKey = new();
    private readonly AllWatchers _all;
    private readonly ConcurrentDictionary<Subscription, bool> _subscriptions = new();
    private readonly InitialState _initialState;
    private readonly SharedDelta _delta;

    /// <summary>Those who wait for the next version, whatever it brings.</summary>
    private readonly ConcurrentQueue<Subscription> _waiting = new();

    /// <summary>Only for the writer.</summary>
    private readonly HashSet<Subscription> _toWake = [];

    private CountsVersion? _published;
    private volatile bool _isClosed;
    private int _count;
    private long _watchedIds;
    private long _stuck;
    private long _deliveries;
    private long _delivered;
    private long _coalesced;

    public WatchHub(CountsStore store, IOptions<SubscriptionOptions> options, TimeProvider time)
    {
        _store = store;
        _all = new AllWatchers(time);
        _options = options.Value;
        _initialState = new InitialState(store, _history);
        _delta = new SharedDelta(_history);
    }

    /// <summary>The version of which every subscription has its marks; null before the first load.</summary>
    public CountsVersion? Published => Volatile.Read(ref _published);

    /// <summary>How many subscriptions there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>How many message ids all subscriptions together watch.</summary>
    public long WatchedIds => Interlocked.Read(ref _watchedIds);

    /// <summary>How many clients were ended because they did not read.</summary>
    public long StuckClients => Volatile.Read(ref _stuck);

    /// <summary>How many messages were sent to subscribers, heartbeats among them.</summary>
    public long Deliveries => Volatile.Read(ref _deliveries);

    /// <summary>How many counts and removals were in them.</summary>
    public long DeliveredCounts => Volatile.Read(ref _delivered);

    /// <summary>How many changes they passed over, because a later one replaced them.</summary>
    public long Coalesced => Volatile.Read(ref _coalesced);

    /// <summary>Follows the store. To be called before its first load.</summary>
    public void Start()
    {
        _store.Changed += Publish;
        _store.Replacing += EndAll;
    }

    /// <summary>Begins a subscription: from here on it is told of every change.</summary>
    /// <param name="messageIds">What it watches, and takes over; null: everything.</param>
    /// <param name="resume">Where an earlier one got to; null: from the beginning.</param>
    /// <exception cref="TooManySubscriptionsException">There is no room.</exception>
    /// <exception cref="HistoryReplacedException">That is just happening.</exception>
    /// <exception cref="BehindException">The earlier one was told of more than has been published here.</exception>
    public Subscription Subscribe(long[]? messageIds, ResumePoint? resume)
    {
        var subscription = messageIds is null
            ? (Subscription)new AllSubscription(this, _store, _initialState, _delta)
            : new KeySubscription(this, _store, messageIds);
        Register(subscription);
        try
        {
            if (_isClosed)
            {
                throw new HistoryReplacedException();
            }

            if (IsBehind(resume))
            {
                throw new BehindException();
            }

            subscription.Begin(resume?.Epoch == Published?.Epoch ? resume : null);
            return subscription;
        }
        catch
        {
            Unregister(subscription);
            throw;
        }
    }

    /// <summary>Whether less is published than an earlier subscription was told of. Not in another history, with which nothing compares.</summary>
    public bool IsBehind(ResumePoint? resume) => resume is not null && Published is { } now && now.Epoch == resume.Epoch && now.Revision < resume.SeenRevision;

    /// <inheritdoc/>
    public void Dispose() => _all.Dispose();

    /// <summary>Wakes all subscriptions, because something besides the counts is new.</summary>
    public void WakeAll()
    {
        foreach (var (subscription, _) in _subscriptions)
        {
            subscription.Signal.Set();
        }
    }

    /// <summary>Wakes a subscription when a version after the given one is published.</summary>
    public void WakeAfter(CountsVersion version, Subscription subscription)
    {
        _waiting.Enqueue(subscription);
        Interlocked.MemoryBarrier();
        if (Published != version)
        {
            // Perhaps the queue was read before.
            subscription.Signal.Set();
        }
    }

    /// <summary>Notes that a client was ended because it did not read.</summary>
    public void CountStuckClient() => Interlocked.Increment(ref _stuck);

    /// <summary>Notes that a batch was sent.</summary>
    public void CountDelivery(WatchBatch batch)
    {
        Interlocked.Increment(ref _deliveries);
        Interlocked.Add(ref _delivered, batch.Content.Count);
        Interlocked.Add(ref _coalesced, batch.Coalesced);
    }

    /// <summary>From here on the subscription is told of every change.</summary>
    internal void Register(Subscription subscription)
    {
        if (Interlocked.Increment(ref _count) > _options.MaxSubscriptions)
        {
            Interlocked.Decrement(ref _count);
            throw TooManySubscriptionsException.Of(_options.MaxSubscriptions);
        }

        if (subscription is KeySubscription { MessageIds.Count: var ids } && Interlocked.Add(ref _watchedIds, ids) is var watched && watched > _options.MaxWatchedIds)
        {
            Interlocked.Add(ref _watchedIds, -ids);
            Interlocked.Decrement(ref _count);
            throw TooManySubscriptionsException.OfIds(ids, watched - ids, _options.MaxWatchedIds);
        }

        _subscriptions[subscription] = true;
        if (subscription is KeySubscription keyed)
        {
            for (var index = 0; index < keyed.MessageIds.Count; index++)
            {
                _watchersByKey.AddOrUpdate(
                    keyed.MessageIds[index],
                    static (_, watcher) => new KeyWatchers([watcher]),
                    static (_, watchers, watcher) => watchers.With(watcher),
                    new KeyWatcher(keyed, index));
            }
        }
        else
        {
            _all.Add(subscription);
        }
    }

    internal void Unregister(Subscription subscription)
    {
        if (!_subscriptions.TryRemove(subscription, out _))
        {
            return;
        }

        Interlocked.Decrement(ref _count);
        _all.Remove(subscription);
        if (subscription is KeySubscription keyed)
        {
            foreach (var messageId in keyed.MessageIds)
            {
                RemoveWatcher(messageId, keyed);
            }

            Interlocked.Add(ref _watchedIds, -keyed.MessageIds.Count);
        }
    }

    private void RemoveWatcher(long messageId, KeySubscription subscription)
    {
        // A compare-and-swap: others come and go for the same message.
        while (_watchersByKey.TryGetValue(messageId, out var watchers))
        {
            var remaining = watchers.Without(subscription);
            if (remaining.Watchers.Length == 0
                ? _watchersByKey.TryRemove(KeyValuePair.Create(messageId, watchers))
                : _watchersByKey.TryUpdate(messageId, remaining, watchers))
            {
                return;
            }
        }
    }

    /// <summary>The store is about to be given another history: ends all subscriptions, and lets none begin until its next version is published.</summary>
    private void EndAll()
    {
        _isClosed = true;
        // Who registers later, finds it closed; who registered before, is among those.
        Interlocked.MemoryBarrier();
        foreach (var (subscription, _) in _subscriptions)
        {
            subscription.End();
        }
    }

    // On the store's writer, after each load and drain.
    private void Publish(CountsVersion version, IReadOnlyList<long> changed)
    {
        var hasChanged = _published is not null && version.Revision != _published.Revision;
        if (_published is null || _isClosed)
        {
            // The first history, or another one: what is remembered of revisions means nothing in it.
            _history.Begin(version.Revision);
            _delta.Forget();
            _initialState.Forget();
        }
        else if (hasChanged)
        {
            if (version.Epoch != _published.Epoch)
            {
                // Who has been told of the epoch before, and now begins anew, is told nothing from before the load.
                _initialState.Forget();
            }

            AddToHistory(version, changed);
            MarkWatchers(changed);
        }

        Volatile.Write(ref _published, version);
        _isClosed = false;

        // Only now: what a subscription wakes up to, it may report as published.
        foreach (var subscription in _toWake)
        {
            subscription.Signal.Set();
        }

        _toWake.Clear();
        if (hasChanged)
        {
            _all.Wake();
        }

        // The version must be visible before the queue is read: else one who waits could be missed.
        Interlocked.MemoryBarrier();
        while (_waiting.TryDequeue(out var subscription))
        {
            subscription.Signal.Set();
        }
    }

    // The store is at this version: it goes on when this has returned.
    private void AddToHistory(CountsVersion version, IReadOnlyList<long> changed)
    {
        if (_all.IsEmpty || !ChangeHistory.HasRoomFor(changed.Count) || version.Revision != _published!.Revision + 1)
        {
            // Whoever begins later asks for nothing before; the others ask the store.
            _history.Begin(version.Revision);
            return;
        }

        long[] messageIds = [.. changed];
        var counts = ArrayPool<MessageCounts?>.Shared.Rent(messageIds.Length);
        _store.ReadMany(messageIds, counts);
        var (present, removed) = (new List<CountedMessage>(messageIds.Length), new List<RemovedMessage>());
        for (var i = 0; i < messageIds.Length; i++)
        {
            if (counts[i] is { } current)
            {
                present.Add(new CountedMessage(messageIds[i], current));
            }
            else if (IsGoneSince(messageIds[i], version.Revision))
            {
                removed.Add(new RemovedMessage(messageIds[i], version.Revision));
            }
        }

        ArrayPool<MessageCounts?>.Shared.Return(counts);
        _history.Add(new Delta(version.Revision - 1, version.Revision, present, removed, messageIds.Length - present.Count - removed.Count)
        {
            Came = _store.Came.Count == 0 ? FrozenSet<long>.Empty : new HashSet<long>(_store.Came),
        });
    }

    /// <summary>Whether a message went with a revision, as opposed to one that came and went with it, of which nobody knows.</summary>
    private bool IsGoneSince(long messageId, ulong revision) =>
        _store.Tombstones.HasSince(messageId, revision - 1) || _store.Tombstones.ForgottenTo >= revision;

    private void MarkWatchers(IReadOnlyList<long> changed)
    {
        foreach (var messageId in changed)
        {
            if (_watchersByKey.TryGetValue(messageId, out var watchers))
            {
                foreach (var watcher in watchers.Watchers)
                {
                    watcher.Subscription.Mark(watcher.Index);
                    _toWake.Add(watcher.Subscription);
                }
            }
        }
    }
}
