using CacheService.Counts;
using Microsoft.Extensions.Options;

namespace CacheService.Replication;

/// <summary>Keeps checkpoints of the chain that this service publishes, and finds by that where followers have other counts than this cache.</summary>
internal sealed class CheckpointKeeper(
    Broker broker, Checkpoints checkpoints, RecentDrains drains, CountsStore store, FollowerList followers, IOptions<NatsOptions> options, TimeProvider time, ILogger<CheckpointKeeper> logger)
{
    /// <summary>How long a follower that there is may not have asked, besides.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(1);

    /// <summary>What followers may have otherwise than this cache has it: to be told again.</summary>
    private Suspects? _suspects;

    private volatile string _unreadable = "";

    /// <summary>The chain that this service cannot follow itself, so that no follower can; empty: none.</summary>
    public string Unreadable => _unreadable;

    /// <summary>While there are followers, writes a checkpoint now and then: as a follower would have it, with the revisions that all of them have.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="outbox">Its frames.</param>
    /// <param name="cancellationToken">This service publishes no more.</param>
    public async Task KeepAsync(string chain, Outbox outbox, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.Value.CheckpointInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                if (followers.HasAnySince(options.Value.CheckpointInterval + LongestSilence))
                {
                    await WriteAsync(chain, outbox, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // As it is told.
        }
    }

    /// <summary>Messages that followers may have otherwise go into the next frame as they are.</summary>
    public async Task AddSuspectsAsync(DrainSum news, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _suspects, null) is not { } suspects)
        {
            return;
        }

        var added = suspects.MessageIds.Where(messageId => !news.Counts.ContainsKey(messageId)).ToList();
        foreach (var messageId in added)
        {
            store.Read(messageId, out var counts);
            news.Counts[messageId] = counts;
        }

        // What a drain has changed meanwhile is later than this frame, and comes with the next one.
        await drains.CatchUpAsync(cancellationToken);
        var later = drains.Since(news.Latest)?.Counts;
        added.Where(messageId => later?.ContainsKey(messageId) != false).ToList().ForEach(messageId => news.Counts.Remove(messageId));
        foreach (var day in suspects.Days)
        {
            news.Days[day] = news.Version.Days!.Of(day);
        }
    }

    private async Task WriteAsync(string name, Outbox outbox, CancellationToken cancellationToken)
    {
        try
        {
            var (started, taken) = (time.GetTimestamp(), outbox.Taken);
            if (await LoadAsync(cancellationToken) is not { } chain || chain.Name != name || await broker.ReadEndAsync(cancellationToken) is not { } end)
            {
                return;
            }

            var before = chain.Number;
            await chain.CatchUpAsync(broker, end.Last, cancellationToken);
            Compare(chain, taken);
            if (chain.Number > before)
            {
                await checkpoints.WriteAsync(chain, cancellationToken);
                var seconds = time.GetElapsedTime(started).TotalSeconds;
                ReplicationLog.WroteCheckpoint(logger, chain.Number, chain.Store.Version!.Messages, seconds);
            }

            await checkpoints.CleanUpAsync(name, cancellationToken);
        }
        catch (ChainEndedException e)
        {
            // What this service cannot follow, no follower can.
            ReplicationLog.NoCheckpoint(logger, e.Message);
            _unreadable = name;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Followers begin at the one before it, and the next one is tried in time.
            ReplicationLog.NoCheckpoint(logger, e.Message);
        }
    }

    /// <summary>Begins where a follower would begin.</summary>
    /// <exception cref="ChainEndedException">None can.</exception>
    private async Task<Chain?> LoadAsync(CancellationToken cancellationToken)
    {
        for (var isAgain = false; ; isAgain = true)
        {
            try
            {
                return await checkpoints.LoadAsync(cancellationToken);
            }
            catch (Checkpoints.UnreadableException e) when (isAgain)
            {
                throw new ChainEndedException($"{e.Message}: another chain begins");
            }
            catch (Checkpoints.UnreadableException)
            {
                // What could not be read because a server went away meanwhile, can be read now.
            }
        }
    }

    /// <summary>Compares a chain, as followers have it, with what this cache has. An audit corrects a cache, and not what another one has published before.</summary>
    /// <param name="chain">The chain, with all frames up to the one that the stream had before it was read.</param>
    /// <param name="taken">Which drain of this cache that frame had.</param>
    private void Compare(Chain chain, DrainMark taken)
    {
        var different = new HashSet<long>();
        foreach (var (messageId, counts) in chain.Store.ReadChangedAfter(0))
        {
            store.Read(messageId, out var own);
            if (own is null || (own.Value.Retweets, own.Value.Likes) != (counts.Retweets, counts.Likes))
            {
                different.Add(messageId);
            }
        }

        foreach (var (messageId, _) in store.ReadChangedAfter(0))
        {
            chain.Store.Read(messageId, out var theirs);
            if (theirs is null)
            {
                different.Add(messageId);
            }
        }

        // What has changed since then, the frames since then have or will have.
        if (drains.Since(taken) is not { } since)
        {
            return;
        }

        different.ExceptWith(since.Counts.Keys);
        var (ownDays, theirDays) = (since.Version.Days, chain.Store.Version!.Days);
        var days = ownDays is null || theirDays is null ? [] : ownDays.All().Concat(theirDays.All()).Select(day => day.Day).Distinct()
            .Where(day => ownDays.Of(day) != theirDays.Of(day) && !since.Days.ContainsKey(day)).ToList();
        if (different.Count + days.Count > 0)
        {
            ReplicationLog.ChainDiffered(logger, different.Count, days.Count);
            Volatile.Write(ref _suspects, new Suspects(different, days));
        }
    }

    /// <summary>What followers may have otherwise than this cache.</summary>
    private sealed record Suspects(IReadOnlyCollection<long> MessageIds, IReadOnlyCollection<DateOnly> Days);
}
