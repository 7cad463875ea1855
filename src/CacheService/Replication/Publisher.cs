using CacheService.Counts;
using CacheService.Feed;
using CacheService.Postgres;
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
    PostgresConnections connections, IOptions<NatsOptions> options, TimeProvider time, ILogger<Publisher> logger) : BackgroundService
{
    /// <summary>A frame comes at least this often, so that the chain's last snapshot is a recent one when another service takes over.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>How long nobody may publish, before that is told.</summary>
    private static readonly TimeSpan LongestGap = TimeSpan.FromSeconds(10);

    private string _reported = "";

    /// <summary>Where the chain is; only while this service publishes.</summary>
    private Position? _position;

    /// <summary>What followers may have otherwise than this cache has it: to be told again.</summary>
    private Suspects? _suspects;

    /// <summary>The chain that cannot be gone on with; empty: none.</summary>
    private volatile string _ended = "";

    /// <summary>The end of the stream while another service publishes, and when that was.</summary>
    private (ulong Sequence, long SeenAt) _others;

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
                else if (feed.IsServing)
                {
                    await LookAtOthersAsync(stoppingToken);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (FencedException e)
            {
                ReplicationLog.StoppedPublishing(logger, e.Message);
                _others = default;
            }
            catch (Exception e)
            {
                // The cache itself does not depend on it.
                Report(e.Message);
            }
            finally
            {
                _position = null;
                progress.IsPublishing = false;
                desk.Close();
            }

            await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        await broker.PrepareAsync(cancellationToken);
        await TakeOverAsync(cancellationToken);
        (_reported, progress.IsPublishing) = ("", true);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var keeping = KeepCheckpointsAsync(_position!.Chain, ending.Token);
        try
        {
            var isFirst = _position.Number == 0;
            while (feed.IsRinger)
            {
                // A load, whose changes are not known one by one; followers that have nothing to begin at; or frames that nobody can apply.
                if (drains.Since(_position!.Own) is not { } news || (desk.TakeNoCheckpoint() && !await checkpoints.ExistsAsync(cancellationToken)) || _ended == _position.Chain)
                {
                    _ended = _position!.Chain;
                    break;
                }

                await AddSuspectsAsync(news, cancellationToken);
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
        var registration = synchronizer.Registration;
        var end = await broker.ReadEndAsync(cancellationToken) ?? throw new NatsException("the stream is gone");

        // After the end was read: whatever the last frame includes, this cache has seen then; and a drain that succeeds is of the log that it is registered with.
        if (registration is null || !await requests.NextDrainAsync().WaitAsync(LongestSilence, time, cancellationToken) || synchronizer.Registration != registration)
        {
            throw new TimeoutException("the database does not answer.");
        }

        var identity = $"{registration.Identity:N}/{registration.Baseline.Server}/{registration.Baseline.Database}";
        await RefuseAnotherDatabaseAsync(end, identity, cancellationToken);
        if (end.Frame is { } last && last.Chain != _ended && last.LogIdentity == identity && await IsEverythingKnownAsync(cancellationToken)
            && PgSnapshot.Parse(last.Snapshot) is var snapshot && drains.SinceOneIncludedIn(snapshot) is { } missed && snapshot.IsContainedIn(missed.Version.Snapshot))
        {
            _position = new Position(last.Chain, identity, last.Number, last.Revision, last.Snapshot, end.Last, missed.Latest, time.GetTimestamp());
            await PublishAsync(missed, cancellationToken);
            ReplicationLog.TookOver(logger, last.Chain, last.Number, missed.Counts.Count);
            return;
        }

        await BeginChainAsync(end, identity, cancellationToken);
    }

    /// <summary>
    /// Whether a cache knows of everything that was touched since a snapshot. Where the table is its own log, a row that one transaction inserts and another deletes leaves no trace for a
    /// reader who had neither.
    /// </summary>
    private async Task<bool> IsEverythingKnownAsync(CancellationToken cancellationToken)
    {
        await using var command = connections.Pool.CreateCommand("select twcache.log_form() = 'change'");
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Two databases of one name would take the stream from each other, and followers would serve both by turns.</summary>
    private async Task RefuseAnotherDatabaseAsync(StreamEnd end, string identity, CancellationToken cancellationToken)
    {
        if (end.Frame is not { } last || DatabaseOf(last.LogIdentity) == DatabaseOf(identity))
        {
            return;
        }

        // It may be the one of before.
        await Task.Delay(3 * LongestSilence, time, cancellationToken);
        if (await broker.ReadEndAsync(cancellationToken) is { } now && now.Last != end.Last)
        {
            throw new InvalidOperationException($"a service of another database publishes under Nats:Name={options.Value.Name}: give each database a name of its own.");
        }
    }

    private static string DatabaseOf(string identity) => identity[(identity.IndexOf('/', StringComparison.Ordinal) + 1)..];

    /// <summary>Where the one that ought to publish does not, because it was told of no broker, nobody else would say so.</summary>
    private async Task LookAtOthersAsync(CancellationToken cancellationToken)
    {
        if (_others.SeenAt != 0 && time.GetElapsedTime(_others.SeenAt) < LongestGap)
        {
            return;
        }

        var last = (await broker.ReadEndAsync(cancellationToken))?.Last ?? 0;
        if (_others.SeenAt != 0 && last == _others.Sequence && !feed.IsRinger)
        {
            Report("the service that writers wake, another one of this database, does not publish: give it the same Nats:Url and Nats:Name.");
        }

        _others = (last, time.GetTimestamp());
    }

    private async Task BeginChainAsync(StreamEnd end, string identity, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var name = Guid.NewGuid().ToString("N");
        var revision = Math.Max(end.Frame?.Revision ?? 0, store.Version!.Revision) + 1;
        var (counts, mark) = await CopyAsync(name, revision, cancellationToken);
        var own = mark.Version;
        var header = new CheckpointHeader { Chain = name, Number = 0, Sequence = end.Last, LogIdentity = identity, Snapshot = own.Snapshot.ToString() };
        await checkpoints.WriteAsync(new Chain(counts, header), cancellationToken);
        _position = new Position(name, identity, 0, revision, header.Snapshot, end.Last, mark, time.GetTimestamp());
        var seconds = time.GetElapsedTime(started).TotalSeconds;
        ReplicationLog.BeganChain(logger, name, own.Messages, seconds);
    }

    /// <summary>What the cache holds, at one version: read while drains go on, and then all that they have changed put over it, as of the last of them.</summary>
    private async Task<(CountsStore Counts, DrainMark Own)> CopyAsync(string chain, ulong revision, CancellationToken cancellationToken)
    {
        while (true)
        {
            var began = await drains.CatchUpAsync(cancellationToken);
            var table = new CountsTable();
            foreach (var (messageId, counts) in store.ReadChangedAfter(0))
            {
                table.Set(messageId, counts with { Revision = revision });
            }

            await drains.CatchUpAsync(cancellationToken);
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
            return (copy, since.Latest);
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
            Own = news.Latest,
            PublishedAt = time.GetTimestamp(),
        };
    }

    /// <summary>Messages that followers may have otherwise go into the next frame as they are.</summary>
    private async Task AddSuspectsAsync(DrainSum news, CancellationToken cancellationToken)
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

    /// <summary>While there are followers, writes a checkpoint now and then: as a follower would have it, with the revisions that all of them have.</summary>
    private async Task KeepCheckpointsAsync(string chain, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.Value.CheckpointInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                if (followers.HasAnySince(options.Value.CheckpointInterval + LongestSilence))
                {
                    await WriteCheckpointAsync(chain, cancellationToken);
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

            await checkpoints.CleanUpAsync(name, cancellationToken);
        }
        catch (ChainEndedException e)
        {
            // What this service cannot follow, no follower can.
            ReplicationLog.NoCheckpoint(logger, e.Message);
            _ended = name;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Followers begin at the one before it, and the next one is tried in time.
            ReplicationLog.NoCheckpoint(logger, e.Message);
        }
    }

    /// <summary>Compares a chain, as followers have it, with what this cache has. An audit corrects a cache, and not what another one has published before.</summary>
    /// <param name="chain">The chain, with all frames up to the one that was published before it was read.</param>
    /// <param name="published">Which drain of this cache that frame had.</param>
    private void Compare(Chain chain, DrainMark published)
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
    /// <param name="Own">The drain of this cache whose state the frame is.</param>
    /// <param name="PublishedAt">When.</param>
    private sealed record Position(string Chain, string LogIdentity, ulong Number, ulong Revision, string Snapshot, ulong Sequence, DrainMark Own, long PublishedAt);
}
