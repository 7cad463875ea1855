using CacheService.Api.Messages;
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
    }

    /// <summary>Serves one client until it ends its watch, does not read, or the service stops.</summary>
    /// <exception cref="StreamEndedException">The service has ended it.</exception>
    public async Task RunAsync(WatchCountsRequest request, IWatchClient client)
    {
        var messageIds = Requests.WatchedIds(request, _options.MaxIdsPerSubscription);
        var minInterval = Requests.MinInterval(request.MinInterval);
        var heartbeat = Requests.Heartbeat(request.Heartbeat);
        var resume = Requests.Resume(request);
        if (_hub.Published is null)
        {
            throw ReadRefusedException.NotLoaded(_status.Condition.Detail);
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(client.Gone, _stopping);
        try
        {
            await ReachAsync(resume, ending.Token);
            using var subscription = _hub.Subscribe(messageIds, resume);
            await SendAsync(subscription, minInterval, heartbeat, client, ending.Token);
        }
        catch (Exception e) when (e is HistoryReplacedException or BehindException)
        {
            throw new StreamEndedException(StatusCode.Unavailable, e.Message);
        }
        catch (StuckClientException stuck)
        {
            _hub.CountStuckClient();
            await EndAsync(stuck.Write, client, ending.Token);
            throw new StreamEndedException(
                StatusCode.Aborted, $"the client has not read for {_options.StuckClientTimeout.TotalSeconds:0.#} s; read on, or watch less, and resume");
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            throw new StreamEndedException(StatusCode.Unavailable, "the service is stopping; connect again and resume");
        }
    }

    /// <summary>
    /// A client may come from a follower that is ahead: this one tells it nothing before it is there as well. Mostly that is in a moment. A client that would have to wait for longer is better off
    /// elsewhere.
    /// </summary>
    private async Task ReachAsync(ResumePoint? resume, CancellationToken ending)
    {
        var (started, pause) = (_time.GetTimestamp(), ShortestLagPause);
        while (_hub.IsBehind(resume) && resume!.SeenRevision - _hub.Published!.Revision <= MostBehind && _time.GetElapsedTime(started) < LongestLag)
        {
            await Task.Delay(pause, _time, ending);
            pause = pause * 2 < LongestLagPause ? pause * 2 : LongestLagPause;
        }
    }

    private async Task SendAsync(
        Subscription subscription, TimeSpan minInterval, TimeSpan? heartbeat, IWatchClient client, CancellationToken ending)
    {
        CountsVersion? told = null, aheadTo = null;
        FeedState? toldState = null;
        var (lastCollected, lastSent) = (0L, _time.GetTimestamp());
        var hasNews = true;
        while (true)
        {
            subscription.ThrowIfEnded();
            // The age and the state need not wait for the pace of the counts.
            var isDue = StateOf(told) != toldState || UntilHeartbeat() == TimeSpan.Zero;
            if (hasNews ? UntilCollect() == TimeSpan.Zero : isDue)
            {
                hasNews = false;
                foreach (var batch in subscription.Collect())
                {
                    // Who has to forget everything knows nothing, and must not resume from what it knew.
                    told = batch.IsReset ? batch.Version : batch.Version ?? told;
                    aheadTo = batch.AheadTo ?? aheadTo;
                    if (aheadTo?.Revision <= told?.Revision)
                    {
                        aheadTo = null;
                    }

                    if (!batch.IsEmpty)
                    {
                        lastCollected = _time.GetTimestamp();
                    }

                    if (!batch.IsEmpty || isDue)
                    {
                        await SendBatchAsync(batch);
                    }
                }
            }
            else if (isDue)
            {
                await SendBatchAsync(new WatchBatch(told, WatchContent.Empty));
            }

            var (untilCollect, untilHeartbeat) = (UntilCollect(), UntilHeartbeat());
            hasNews |= await subscription.Signal.WaitAsync(hasNews && (heartbeat is null || untilCollect < untilHeartbeat) ? untilCollect : untilHeartbeat, ending);
        }

        async Task SendBatchAsync(WatchBatch batch)
        {
            // After it was collected: what was read of another history is not told.
            subscription.ThrowIfEnded();
            toldState = StateOf(told);
            await WriteAsync(client, Reply(batch, told, aheadTo, toldState.Value), ending);
            _hub.CountDelivery(batch);
            lastSent = _time.GetTimestamp();
        }

        TimeSpan UntilCollect() => lastCollected == 0 ? TimeSpan.Zero : NotNegative(minInterval - _time.GetElapsedTime(lastCollected));

        TimeSpan UntilHeartbeat() => heartbeat is null ? Timeout.InfiniteTimeSpan : NotNegative(heartbeat.Value - _time.GetElapsedTime(lastSent));
    }

    private async Task WriteAsync(IWatchClient client, WatchReply reply, CancellationToken ending)
    {
        var write = client.WriteAsync(reply, ending);
        try
        {
            await write.WaitAsync(_options.StuckClientTimeout, _time, ending);
        }
        catch (TimeoutException)
        {
            throw new StuckClientException(write);
        }
    }

    /// <summary>
    /// Gives a client that has not read the time to take what is under way, behind which the status waits. Then the stream is reset: else the server would
    /// keep both for as long as the client leaves its window closed.
    /// </summary>
    private async Task EndAsync(Task write, IWatchClient client, CancellationToken ending)
    {
        try
        {
            await write.WaitAsync(_options.StuckClientTimeout, _time, ending);
        }
        catch (TimeoutException)
        {
            client.Abort();
        }
        catch (OperationCanceledException)
        {
            // The client has gone, or the service stops: both end the call as well.
        }
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

    private static TimeSpan NotNegative(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;

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
