using CacheService.Counts;
using CacheService.Feed;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>
/// Publishes what the drains of this cache bring, while it is the ringer of its database, so that there is one publisher. Whether it is still the only one, the stream says: each
/// part of a frame is put behind the one that was last, or not at all.
/// <para>
/// A new publisher goes on with the chain that it finds, if it remembers a state of its own that the chain's last snapshot includes: whatever has changed since that goes
/// into its first frame. Else it begins a chain, with a checkpoint.
/// </para>
/// <para>
/// Where the stream takes no frames, as while its servers elect a leader, frames are made all the same, and handed out to followers that ask (<see cref="Outbox"/>).
/// </para>
/// </summary>
internal sealed class Publisher(
    Broker broker, Checkpoints checkpoints, CheckpointKeeper keeper, RecentDrains drains, CountsStore store, Synchronizer synchronizer, DrainRequests requests, FeedStatus feed, FeedProgress progress,
    QuestionDesk desk, PostgresConnections connections, IOptions<NatsOptions> options, TimeProvider time, ILogger<Publisher> logger) : BackgroundService
{
    /// <summary>A frame comes at least this often, so that the chain's last snapshot is a recent one when another service takes over.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(1);

    /// <summary>Longer the next frame does not wait for the stream to take the one before.</summary>
    private static readonly TimeSpan LongestHoldUp = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>How long nobody may publish, before that is told.</summary>
    private static readonly TimeSpan LongestGap = TimeSpan.FromSeconds(10);

    /// <summary>So often at most a chain ends because a follower says that the stream has lost frames: anybody who may ask could say so.</summary>
    private static readonly TimeSpan LostInterval = TimeSpan.FromMinutes(1);

    /// <summary>A leader that has just been elected may not know of the stream's last messages for a moment.</summary>
    private static readonly TimeSpan ElectionPause = TimeSpan.FromSeconds(2);

    private string _reported = "";
    private long _lostAt;

    /// <summary>Chains that have begun, and none of whose frames came into the stream.</summary>
    private int _begunInVain;

    /// <summary>The last sequence that the stream is known to have had.</summary>
    private ulong _highest;

    /// <summary>Where the chain is; only while this service publishes.</summary>
    private Position? _position;

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
            catch (StreamGoneException e)
            {
                // Frames that somebody has got, are not there for others: nobody may go on with that history.
                _ended = _position?.Chain ?? _ended;
                Report(e.Message);
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

            // Each chain has a checkpoint, and the broker has a disk.
            await Task.Delay(Pause * (1 << Math.Min(_begunInVain, 8)), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        await broker.PrepareAsync(cancellationToken);
        using var outbox = await TakeOverAsync(cancellationToken);
        (_reported, _begunInVain, progress.IsPublishing) = ("", 0, true);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sending = outbox.SendAsync(ending.Token);
        var keeping = keeper.KeepAsync(_position!.Chain, outbox, ending.Token);
        try
        {
            while (feed.IsRinger)
            {
                // A load, whose changes are not known one by one; followers that have nothing to begin at; or frames that nobody can apply.
                if (drains.Since(_position!.Own) is not { } news || (desk.TakeNoCheckpoint() && !await checkpoints.ExistsAsync(cancellationToken)) || keeper.Unreadable == _position.Chain)
                {
                    _ended = _position!.Chain;
                    break;
                }

                if (desk.HasLostFrames(NewPublication(outbox)) && (_lostAt == 0 || time.GetElapsedTime(_lostAt) > LostInterval))
                {
                    (_ended, _lostAt) = (_position.Chain, time.GetTimestamp());
                    ReplicationLog.StoppedPublishing(logger, "the stream has lost frames that followers have had: another chain begins");
                    break;
                }

                await keeper.AddSuspectsAsync(news, cancellationToken);
                if (!news.IsEmpty || time.GetElapsedTime(_position.MadeAt) >= LongestSilence)
                {
                    Make(news, outbox);
                    await outbox.WaitUntilTakenAsync(LongestHoldUp, cancellationToken);
                }

                if (sending.IsCompleted)
                {
                    break;
                }

                desk.Settle(NewPublication(outbox), news.Version);
                await drains.Drained.WaitAsync(LongestSilence, cancellationToken);
            }
        }
        finally
        {
            await ending.CancelAsync();
            // Whatever else has happened, they use the outbox.
            await Task.WhenAll(keeping, sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _highest = Math.Max(_highest, outbox.Sequence);
        }

        foreach (var failed in new[] { sending, keeping }.Where(task => task.IsFaulted))
        {
            await failed;
        }
    }

    /// <summary>Goes on with the chain that the stream has, or begins one.</summary>
    private async Task<Outbox> TakeOverAsync(CancellationToken cancellationToken)
    {
        var registration = synchronizer.Registration;
        var end = await ReadEndAsync(cancellationToken);

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
            // What may have been handed out of the tenure before has lower revisions than what comes now.
            _position = new Position(last.Chain, identity, TenureAfter(last.Tenure), last.Number, last.Revision + Outbox.MostWaiting, last.Snapshot, missed.Latest, time.GetTimestamp());
            var outbox = await BeginTenureAsync(end, missed, cancellationToken);
            ReplicationLog.TookOver(logger, last.Chain, last.Number, missed.Counts.Count);
            return outbox;
        }

        return await BeginTenureAsync(end, await BeginChainAsync(end, identity, cancellationToken), cancellationToken);
    }

    /// <summary>The end of the stream. Where that has less than it had, because its servers have lost what they had acknowledged, nobody may go on with its chain: followers have more of it.</summary>
    private async Task<StreamEnd> ReadEndAsync(CancellationToken cancellationToken)
    {
        var end = await broker.ReadEndAsync(cancellationToken) ?? throw new StreamGoneException();
        if (end.Last < _highest && end.Frame is not null)
        {
            await Task.Delay(ElectionPause, time, cancellationToken);
            end = await broker.ReadEndAsync(cancellationToken) ?? throw new StreamGoneException();
            if (end.Last < _highest)
            {
                _ended = end.Frame?.Chain ?? _ended;
            }
        }

        _highest = end.Last;
        return end;
    }

    private Publication NewPublication(Outbox outbox) => new(_position!.Chain, _position.Tenure, _position.Number, outbox);

    /// <summary>Higher than the one before, and no other's: two services may begin one at a time, and the stream may lose one.</summary>
    private static ulong TenureAfter(ulong tenure) => (((tenure >> 32) + 1) << 32) | (uint)Random.Shared.NextInt64();

    /// <summary>Puts the first frame into the stream, before anybody hears of the tenure: so no other service begins it.</summary>
    private async Task<Outbox> BeginTenureAsync(StreamEnd end, DrainSum news, CancellationToken cancellationToken)
    {
        var outbox = new Outbox(broker, end.Last, _position!.Number, _position.Own, time, logger);
        try
        {
            Make(news, outbox);
            await outbox.SendWaitingAsync(cancellationToken);
            return outbox;
        }
        catch
        {
            outbox.Dispose();
            throw;
        }
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
        _highest = Math.Max(_highest, last);
    }

    /// <returns>What has changed since.</returns>
    private async Task<DrainSum> BeginChainAsync(StreamEnd end, string identity, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        _begunInVain++;
        var name = Guid.NewGuid().ToString("N");
        var revision = Math.Max(end.Frame?.Revision ?? 0, store.Version!.Revision) + 1;
        var (counts, mark) = await CopyAsync(name, revision, cancellationToken);
        var own = mark.Version;
        var header = new CheckpointHeader { Chain = name, Tenure = TenureAfter(0), Number = 0, Sequence = end.Last, LogIdentity = identity, Snapshot = own.Snapshot.ToString() };
        await checkpoints.WriteAsync(new Chain(counts, header), cancellationToken);
        _position = new Position(name, identity, header.Tenure, 0, revision, header.Snapshot, mark, time.GetTimestamp());
        var seconds = time.GetElapsedTime(started).TotalSeconds;
        ReplicationLog.BeganChain(logger, name, own.Messages, seconds);
        return drains.Since(mark) ?? throw new TimeoutException("the counts were loaded afresh meanwhile.");
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

    /// <summary>Makes the next frame.</summary>
    private void Make(DrainSum news, Outbox outbox)
    {
        var position = _position!;
        var header = new Frame
        {
            Chain = position.Chain,
            Tenure = position.Tenure,
            Number = position.Number + 1,
            SnapshotBefore = position.Snapshot,
            Snapshot = news.Version.Snapshot.ToString(),
            Revision = news.IsEmpty ? position.Revision : position.Revision + 1,
            LogIdentity = position.LogIdentity,
        };
        outbox.Add(Frames.Write(header, news, Frames.MessagesPerPart(broker.MaxPayload)), news.Latest);
        _position = position with { Number = header.Number, Revision = header.Revision, Snapshot = header.Snapshot, Own = news.Latest, MadeAt = time.GetTimestamp() };
    }

    private void Report(string what)
    {
        if (what != _reported)
        {
            ReplicationLog.NotPublished(logger, what);
            _reported = what;
        }
    }

    /// <summary>Where a chain is.</summary>
    /// <param name="Chain">Its name.</param>
    /// <param name="LogIdentity">The generation of the log that it is of.</param>
    /// <param name="Tenure">This service's.</param>
    /// <param name="Number">Its last frame.</param>
    /// <param name="Revision">That frame's revision.</param>
    /// <param name="Snapshot">That frame's snapshot.</param>
    /// <param name="Own">The drain of this cache whose state the frame is.</param>
    /// <param name="MadeAt">When.</param>
    private sealed record Position(string Chain, string LogIdentity, ulong Tenure, ulong Number, ulong Revision, string Snapshot, DrainMark Own, long MadeAt);
}
