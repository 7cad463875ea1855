using CacheService.Counts;
using CacheService.Feed;
using Microsoft.Extensions.Options;
using NATS.Client.Core;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>
/// Publishes what the drains of this cache bring, while it is the ringer of its database, so that there is one publisher. Whether it is still the only one, the stream says: each
/// part of a frame is put behind the one that was last, or not at all.
/// <para>
/// A new publisher goes on with the chain that it finds, if it remembers a state of its own that the chain's last snapshot includes: whatever has changed since that goes
/// into its first frame. Else it begins a chain, with a checkpoint.
/// </para>
/// </summary>
internal sealed class Publisher(
    Broker broker, Checkpoints checkpoints, RecentDrains drains, CountsStore store, Synchronizer synchronizer, DrainRequests requests, FeedStatus feed, FeedProgress progress, QuestionDesk desk, FollowerList followers,
    IOptions<NatsOptions> options, TimeProvider time, ILogger<Publisher> logger) : BackgroundService
{
    /// <summary>A frame comes at least this often, so that the chain's last snapshot is a recent one when another service takes over.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private string _reported = "";

    /// <summary>Where the chain is; only while this service publishes.</summary>
    private Position? _position;

    /// <summary>What followers may have otherwise than this cache has it: to be told again.</summary>
    private Suspects? _suspects;

    /// <summary>Whether the chain that there is cannot be gone on with.</summary>
    private bool _mustBegin;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (feed is { IsRinger: true, IsServing: true })
                {
                    await PublishAsync(stoppingToken);
                }

                await Task.Delay(Pause, time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (FencedException e)
            {
                ReplicationLog.StoppedPublishing(logger, e.Message);
            }
            catch (Exception e)
            {
                // The cache itself does not depend on it.
                Report(e.Message);
                await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            finally
            {
                _position = null;
                progress.IsPublishing = false;
                desk.Close();
            }
        }
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        await broker.PrepareAsync(cancellationToken);
        await TakeOverAsync(cancellationToken);
        (_reported, progress.IsPublishing) = ("", true);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var keeping = KeepCheckpointsAsync(_position!, ending.Token);
        try
        {
            var isFirst = true;
            while (feed.IsRinger)
            {
                // A load, whose changes are not known one by one; or followers that have nothing to begin at.
                if (drains.Since(_position!.Own) is not { } news || (desk.TakeNoCheckpoint() && !await checkpoints.ExistsAsync(cancellationToken)))
                {
                    _mustBegin = true;
                    break;
                }

                AddSuspects(news);
                if (isFirst || !news.IsEmpty || time.GetElapsedTime(_position.PublishedAt) >= LongestSilence)
                {
                    await PublishAsync(news, cancellationToken);
                    isFirst = false;
                }

                desk.Settle(_position.Chain, _position.Number, news.Version);
                await drains.Drained.WaitAsync(LongestSilence, cancellationToken);
            }
        }
        finally
        {
            await ending.CancelAsync();
            await keeping;
        }
    }

    /// <summary>Goes on with the chain that the stream has, or begins one.</summary>
    private async Task TakeOverAsync(CancellationToken cancellationToken)
    {
        var end = await broker.ReadEndAsync(cancellationToken) ?? throw new NatsException("the stream is gone");

        // After the end was read: whatever the last frame includes, this cache has seen then; and a drain that succeeds is of the log that it is registered with.
        if (!await requests.NextDrainAsync().WaitAsync(LongestSilence, time, cancellationToken) || synchronizer.Registration?.Identity.ToString() is not { } identity)
        {
            throw new TimeoutException("the database does not answer");
        }

        if (!_mustBegin && end.Frame is { } last && last.LogIdentity == identity && drains.SinceOneIncludedIn(PgSnapshot.Parse(last.Snapshot)) is { } missed)
        {
            _position = new Position(last.Chain, identity, last.Number, last.Revision, last.Snapshot, end.Last, missed.Version, time.GetTimestamp());
            await PublishAsync(missed, cancellationToken);
            ReplicationLog.TookOver(logger, last.Chain, last.Number, missed.Counts.Count);
            return;
        }

        await BeginChainAsync(end, identity, cancellationToken);
    }

    private async Task BeginChainAsync(StreamEnd end, string identity, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var name = Guid.NewGuid().ToString("N");
        var revision = Math.Max(end.Frame?.Revision ?? 0, store.Version!.Revision) + 1;
        var (counts, own) = Copy(name, revision);
        var header = new CheckpointHeader { Chain = name, Number = 0, Sequence = end.Last, LogIdentity = identity };
        await checkpoints.WriteAsync(new Chain(counts, header), cancellationToken);
        _position = new Position(name, identity, 0, revision, own.Snapshot.ToString(), end.Last, own, time.GetTimestamp());
        _mustBegin = false;
        var seconds = time.GetElapsedTime(started).TotalSeconds;
        ReplicationLog.BeganChain(logger, name, own.Messages, seconds);
    }

    /// <summary>What the cache holds, at one version: read while drains go on, and then all that they have changed put over it, as of the last of them.</summary>
    private (CountsStore Counts, CountsVersion Own) Copy(string chain, ulong revision)
    {
        while (true)
        {
            var began = drains.Latest!;
            var table = new CountsTable();
            foreach (var (messageId, counts) in store.ReadChangedAfter(0))
            {
                table.Set(messageId, counts with { Revision = revision });
            }

            if (drains.Since(began) is not { } since)
            {
                continue;
            }

            foreach (var (messageId, counts) in since.Counts)
            {
                if (counts is { } present)
                {
                    table.Set(messageId, present with { Revision = revision });
                }
                else
                {
                    table.Remove(messageId);
                }
            }

            table.EndFilling();
            var tombstones = new Tombstones(0);
            tombstones.Forget(revision);
            var copy = checkpoints.NewStore();
            copy.Restore(table, tombstones, since.Version with { Epoch = chain, Revision = revision, Messages = table.Count });
            return (copy, since.Version);
        }
    }

    private async Task PublishAsync(DrainSum news, CancellationToken cancellationToken)
    {
        var position = _position!;
        var header = new Frame
        {
            Chain = position.Chain,
            Number = position.Number + 1,
            SnapshotBefore = position.Snapshot,
            Snapshot = news.Version.Snapshot.ToString(),
            Revision = news.IsEmpty ? position.Revision : position.Revision + 1,
            LogIdentity = position.LogIdentity,
        };
        var sequence = position.Sequence;
        foreach (var part in Frames.Write(header, news, Frames.MessagesPerPart(broker.MaxPayload)))
        {
            sequence = await broker.PublishAsync(part, sequence, cancellationToken);
        }

        _position = position with
        {
            Number = header.Number,
            Revision = header.Revision,
            Snapshot = header.Snapshot,
            Sequence = sequence,
            Own = news.Version,
            PublishedAt = time.GetTimestamp(),
        };
    }

    /// <summary>Messages that followers may have otherwise go into the next frame as they are.</summary>
    private void AddSuspects(DrainSum news)
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
        var later = drains.Since(news.Version)?.Counts;
        added.Where(messageId => later?.ContainsKey(messageId) != false).ToList().ForEach(messageId => news.Counts.Remove(messageId));
        foreach (var day in suspects.Days)
        {
            news.Days[day] = news.Version.Days!.Of(day);
        }
    }

    /// <summary>While there are followers, writes a checkpoint now and then: as a follower would have it, with the revisions that all of them have.</summary>
    private async Task KeepCheckpointsAsync(Position began, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.Value.CheckpointInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                if (followers.HasAnySince(options.Value.CheckpointInterval + LongestSilence))
                {
                    await WriteCheckpointAsync(began.Chain, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // This service publishes no more.
        }
    }

    private async Task WriteCheckpointAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            var (started, published) = (time.GetTimestamp(), _position?.Own);
            if (published is null || await checkpoints.LoadAsync(cancellationToken) is not { } chain || chain.Name != name || await broker.ReadEndAsync(cancellationToken) is not { } end)
            {
                return;
            }

            var before = chain.Number;
            await chain.CatchUpAsync(broker, end.Last, cancellationToken);
            Compare(chain, published);
            if (chain.Number > before)
            {
                await checkpoints.WriteAsync(chain, cancellationToken);
                var seconds = time.GetElapsedTime(started).TotalSeconds;
                ReplicationLog.WroteCheckpoint(logger, chain.Number, chain.Store.Version!.Messages, seconds);
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && e is NatsException or TimeoutException or OperationCanceledException or ChainEndedException or IOException)
        {
            // Followers begin at the one before it, and the next one is tried in time.
            ReplicationLog.NoCheckpoint(logger, e.Message);
        }
    }

    /// <summary>Compares a chain, as followers have it, with what this cache has. An audit corrects a cache, and not what another one has published before.</summary>
    /// <param name="chain">The chain, with all frames up to the one that was published before it was read.</param>
    /// <param name="published">Which version of this cache that frame had.</param>
    private void Compare(Chain chain, CountsVersion published)
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
        if (drains.Since(published) is not { } since)
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

    private void Report(string what)
    {
        if (what != _reported)
        {
            ReplicationLog.NotPublished(logger, what);
            _reported = what;
        }
    }

    /// <summary>What followers may have otherwise than this cache.</summary>
    private sealed record Suspects(IReadOnlyCollection<long> MessageIds, IReadOnlyCollection<DateOnly> Days);

    /// <summary>Where a chain is.</summary>
    /// <param name="Chain">Its name.</param>
    /// <param name="LogIdentity">The generation of the log that it is of.</param>
    /// <param name="Number">Its last frame.</param>
    /// <param name="Revision">That frame's revision.</param>
    /// <param name="Snapshot">That frame's snapshot.</param>
    /// <param name="Sequence">That of the last part in the stream.</param>
    /// <param name="Own">The version of this cache whose state the frame is.</param>
    /// <param name="PublishedAt">When.</param>
    private sealed record Position(string Chain, string LogIdentity, ulong Number, ulong Revision, string Snapshot, ulong Sequence, CountsVersion Own, long PublishedAt);
}
