using CacheService.Api.Messages;
using CacheService.Concurrency;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using CacheService.Watching;
using Grpc.Core;
using Microsoft.Extensions.Options;
using TweetCounts.V1;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.Api.Watches;

/// <summary>Serves watches, whatever protocol they come by: a loop for each, which collects what its subscription has marked, sends it, and waits.</summary>
internal sealed class WatchStreams
{
    private static readonly TimeSpan LongestLag = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ShortestLagPause = TimeSpan.FromMilliseconds(5);

    /// <summary>Thousands may come together, to a service that has to catch up.</summary>
    private static readonly TimeSpan LongestLagPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Some seconds of drains at their fastest; who is further behind, does not get there in time.</summary>
    private const ulong MostBehind = 1000;

    private readonly WatchHub _hub;
    private readonly FeedStatus _status;
    private readonly SubscriptionOptions _options;
    private readonly TimeProvider _time;
    private readonly CancellationToken _stopping;

    public WatchStreams(WatchHub hub, FeedStatus status, IOptions<SubscriptionOptions> options, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        _hub = hub;
        _status = status;
        _options = options.Value;
        _time = time;
        _stopping = lifetime.ApplicationStopping;
        status.StateChanged += hub.WakeAll;
        _stopping.Register(hub.WakeAll);
    }

    /// <summary>Serves one client until it ends its watch, does not read, or the service stops. Of the request nothing is needed when it has returned.</summary>
    /// <exception cref="StreamEndedException">The service has ended it.</exception>
    public Task RunAsync(WatchCountsRequest request, IWatchClient client)
    {
        var messageIds = Requests.WatchedIds(request, _options.MaxIdsPerSubscription);
        var watch = new Watch(this, client, Requests.MinInterval(request.MinInterval), Requests.Heartbeat(request.Heartbeat));
        var resume = Requests.Resume(request);
        if (_hub.Published is null)
        {
            throw ReadRefusedException.NotLoaded(_status.Condition.Detail);
        }

        return watch.RunAsync(messageIds, resume);
    }

    /// <summary>The state to tell. What was told of before a load is not LIVE, whatever the feed is by now: something was wrong with it.</summary>
    private FeedState StateOf(CountsVersion? told)
    {
        var published = _hub.Published;
        var state = _status.ConditionOf(published).State;
        return state == FeedState.Live && told is not null && told.Epoch != published?.Epoch ? FeedState.Stale : state;
    }

    private WatchReply Reply(WatchBatch batch, CountsVersion? told, CountsVersion? aheadTo, FeedState state) => told is null
        ? new WatchReply(batch, told, aheadTo, TimeSpan.Zero, state)
        : new WatchReply(batch, told, aheadTo, _status.AgeOf(told), state == FeedState.Live ? _status.ConditionOf(told).State : state);

    /// <summary>The watch of one client. There may be many thousands: what it needs while it waits is in here, and little.</summary>
    private sealed class Watch(WatchStreams streams, IWatchClient client, TimeSpan minInterval, TimeSpan? heartbeat)
    {
        private CountsVersion? _told;
        private CountsVersion? _aheadTo;
        private FeedState? _toldState;
        private long _lastCollected;
        private long _lastSent = streams._time.GetTimestamp();

        public async Task RunAsync(long[]? messageIds, ResumePoint? resume)
        {
            try
            {
                await ReachAsync(resume);
                using var subscription = streams._hub.Subscribe(messageIds, resume);
                // The service's stop wakes all of them.
                await using var leaving = client.Gone.UnsafeRegister(static signal => ((AsyncSignal)signal!).Set(), subscription.Signal);
                await SendAsync(subscription);
            }
            catch (Exception e) when (e is HistoryReplacedException or BehindException)
            {
                throw new StreamEndedException(StatusCode.Unavailable, e.Message);
            }
            catch (StuckClientException stuck)
            {
                streams._hub.CountStuckClient();
                await EndAsync(stuck.Write, streams._options.StuckClientTimeout, streams._stopping);
                throw new StreamEndedException(
                    StatusCode.Aborted, $"the client has not read for {streams._options.StuckClientTimeout.TotalSeconds:0.#} s; read on, or watch less, and resume");
            }
            catch (OperationCanceledException) when (streams._stopping.IsCancellationRequested)
            {
                throw new StreamEndedException(StatusCode.Unavailable, "the service is stopping; connect again and resume");
            }
        }

        /// <summary>
        /// A client may come from a follower that is ahead: this one tells it nothing before it is there as well. Mostly that is in a moment. A client that would have to wait for longer is better off
        /// elsewhere.
        /// </summary>
        private async Task ReachAsync(ResumePoint? resume)
        {
            var (hub, started, pause) = (streams._hub, streams._time.GetTimestamp(), ShortestLagPause);
            while (hub.IsBehind(resume) && resume!.SeenRevision - hub.Published!.Revision <= MostBehind && streams._time.GetElapsedTime(started) < LongestLag)
            {
                streams._stopping.ThrowIfCancellationRequested();
                await Task.Delay(pause, streams._time, client.Gone);
                pause = pause * 2 < LongestLagPause ? pause * 2 : LongestLagPause;
            }
        }

        private async Task SendAsync(Subscription subscription)
        {
            var hasNews = true;
            while (true)
            {
                streams._stopping.ThrowIfCancellationRequested();
                client.Gone.ThrowIfCancellationRequested();
                subscription.ThrowIfEnded();
                // The age and the state need not wait for the pace of the counts.
                var isDue = streams.StateOf(_told) != _toldState || UntilHeartbeat() == TimeSpan.Zero;
                if (hasNews ? UntilCollect() == TimeSpan.Zero : isDue)
                {
                    hasNews = false;
                    foreach (var batch in subscription.Collect())
                    {
                        // Who has to forget everything knows nothing, and must not resume from what it knew.
                        _told = batch.IsReset ? batch.Version : batch.Version ?? _told;
                        _aheadTo = batch.AheadTo ?? _aheadTo;
                        if (_aheadTo?.Revision <= _told?.Revision)
                        {
                            _aheadTo = null;
                        }

                        if (!batch.IsEmpty)
                        {
                            _lastCollected = streams._time.GetTimestamp();
                        }

                        if (!batch.IsEmpty || isDue)
                        {
                            await SendAsync(subscription, batch);
                        }
                    }
                }
                else if (isDue)
                {
                    await SendAsync(subscription, new WatchBatch(_told, WatchContent.Empty));
                }

                var (untilCollect, untilHeartbeat) = (UntilCollect(), UntilHeartbeat());
                hasNews |= await subscription.Signal.WaitAsync(hasNews && (heartbeat is null || untilCollect < untilHeartbeat) ? untilCollect : untilHeartbeat, streams._time);
            }
        }

        private async ValueTask SendAsync(Subscription subscription, WatchBatch batch)
        {
            streams._stopping.ThrowIfCancellationRequested();
            // After it was collected: what was read of another history is not told.
            subscription.ThrowIfEnded();
            _toldState = streams.StateOf(_told);
            var write = client.WriteAsync(streams.Reply(batch, _told, _aheadTo, _toldState.Value));
            if (!write.IsCompletedSuccessfully)
            {
                await WaitForRoomAsync(write);
            }

            streams._hub.CountDelivery(batch);
            _lastSent = streams._time.GetTimestamp();
        }

        private async Task WaitForRoomAsync(Task write)
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(client.Gone, streams._stopping);
            try
            {
                await write.WaitAsync(streams._options.StuckClientTimeout, streams._time, ending.Token);
            }
            catch (TimeoutException)
            {
                throw new StuckClientException(write);
            }
            catch (OperationCanceledException) when (!write.IsCompleted)
            {
                await EndAsync(write, SubscriptionOptions.PatienceAtTheEnd, CancellationToken.None);
                throw;
            }
        }

        /// <summary>
        /// Gives a client that has not read the time to take what is under way, behind which the status waits, but not beyond
        /// <paramref name="ending"/>. Then the stream is reset: else the server would keep both for as long as the client leaves its
        /// window closed.
        /// </summary>
        private async Task EndAsync(Task write, TimeSpan patience, CancellationToken ending)
        {
            try
            {
                await write.WaitAsync(patience, streams._time, ending);
            }
            catch (Exception e) when (e is TimeoutException or OperationCanceledException)
            {
                client.Abort();
                // That ends the write, which must not go on when the call has ended: its request object serves another call then.
                await write.WaitAsync(SubscriptionOptions.PatienceAtTheEnd, streams._time, CancellationToken.None)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        private TimeSpan UntilCollect() => _lastCollected == 0 ? TimeSpan.Zero : NotNegative(minInterval - streams._time.GetElapsedTime(_lastCollected));

        private TimeSpan UntilHeartbeat() => heartbeat is null ? Timeout.InfiniteTimeSpan : NotNegative(heartbeat.Value - streams._time.GetElapsedTime(_lastSent));

        private static TimeSpan NotNegative(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;
    }

    /// <summary>The client has not read for too long.</summary>
    private sealed class StuckClientException(Task write) : Exception
    {
        /// <summary>What it has not taken.</summary>
        public Task Write { get; } = write;
    }
}

/// <summary>The service has ended a stream that its client may open again; the message says why.</summary>
internal sealed class StreamEndedException(StatusCode code, string message) : Exception(message)
{
    /// <summary>What the client is told.</summary>
    public StatusCode Code { get; } = code;
}
