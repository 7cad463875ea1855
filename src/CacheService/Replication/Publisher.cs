using CacheService.Feed;

namespace CacheService.Replication;

/// <summary>
/// Publishes what the drains of this cache bring, while it is the ringer of its database, so that there is one publisher. Whether it is still the only one, the stream says: each
/// part of a frame is put behind the one that was last, or not at all.
/// <para>
/// Where the stream takes no frames, as while its servers elect a leader, frames are made all the same, and handed out to followers that ask (<see cref="Outbox"/>).
/// </para>
/// </summary>
internal sealed class Publisher(
    Broker broker, Succession succession, Rivals rivals, Checkpoints checkpoints, CheckpointKeeper keeper, RecentDrains drains, FeedStatus feed, FeedProgress progress, QuestionDesk desk, TimeProvider time,
    ILogger<Publisher> logger) : BackgroundService
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

    private string _reported = "";
    private long _lostAt;

    /// <summary>The end of the stream while another service publishes, and when that was.</summary>
    private (ulong Sequence, long SeenAt) _others;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (feed is { IsRinger: true, IsServing: true } && !rivals.IsHoldingBack)
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
                progress.IsPublishing = false;
                desk.Close();
            }

            // Each chain has a checkpoint, and the broker has a disk.
            await Task.Delay(Pause * (1 << Math.Min(succession.BegunInVain, 8)), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        await broker.PrepareAsync(cancellationToken);
        using var tenure = await succession.BeginTenureAsync(cancellationToken);
        (_reported, progress.IsPublishing) = ("", true);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sending = tenure.Outbox.SendAsync(ending.Token);
        var keeping = keeper.KeepAsync(tenure.Chain, tenure.Outbox, ending.Token);
        try
        {
            await MakeFramesAsync(tenure, sending, cancellationToken);
        }
        finally
        {
            await ending.CancelAsync();
            // Whatever else has happened, they use the outbox.
            await Task.WhenAll(keeping, sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            succession.NoteSequence(tenure.Outbox.Sequence);
        }

        try
        {
            await (sending.IsFaulted ? sending : keeping);
        }
        catch (FencedException)
        {
            await rivals.AnswerAsync(tenure, cancellationToken);
            throw;
        }
        catch (StreamGoneException)
        {
            // Frames that somebody has got, are not there for others: nobody may go on with that history.
            succession.End(tenure.Chain);
            throw;
        }
    }

    /// <summary>Makes frames for as long as this service may publish, and the stream takes them.</summary>
    private async Task MakeFramesAsync(Tenure tenure, Task sending, CancellationToken cancellationToken)
    {
        // The number of a frame that is made in doubt. Once the stream has it, what a follower had in its place is lost.
        ulong? proof = null;
        while (feed.RingerTerm == tenure.RingerTerm && !sending.IsCompleted)
        {
            // A load, whose changes are not known one by one; followers that have nothing to begin at; or frames that nobody can apply.
            if (drains.Since(tenure.Own) is not { } news || (desk.TakeNoCheckpoint() && !await checkpoints.ExistsAsync(cancellationToken)) || keeper.Unreadable == tenure.Chain)
            {
                succession.End(tenure.Chain);
                return;
            }

            if (tenure.Outbox.TakenNumber >= proof)
            {
                _lostAt = time.GetTimestamp();
                succession.End(tenure.Chain);
                ReplicationLog.StoppedPublishing(logger, "the stream has lost frames that followers have had: another chain begins");
                return;
            }

            var isInDoubt = proof is null && desk.MayHaveLostFrames(tenure.Publication) && (_lostAt == 0 || time.GetElapsedTime(_lostAt) > LostInterval);
            await keeper.AddSuspectsAsync(news, cancellationToken);
            if (isInDoubt || !news.IsEmpty || time.GetElapsedTime(tenure.MadeAt) >= LongestSilence)
            {
                tenure.Make(news);
                // If another service has gone on behind this one, the stream refuses it.
                proof = isInDoubt ? tenure.Publication.Number : proof;
                await tenure.Outbox.WaitUntilTakenAsync(LongestHoldUp, cancellationToken);
            }

            if (!sending.IsCompleted)
            {
                desk.Settle(tenure.Publication, news.Version);
                await drains.Drained.WaitAsync(LongestSilence, cancellationToken);
            }
        }
    }

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
            Report("the service that writers wake, another one of this database, does not publish: see its log, and give it the same Nats:Url and Nats:Name.");
        }

        _others = (last, time.GetTimestamp());
        succession.NoteSequence(last);
    }

    private void Report(string what)
    {
        if (what != _reported)
        {
            ReplicationLog.NotPublished(logger, what);
            _reported = what;
        }
    }
}
