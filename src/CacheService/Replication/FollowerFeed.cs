using System.Threading.Channels;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Metrics;
using Microsoft.Extensions.Options;
using TweetCounts.V1;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.Replication;

/// <summary>
/// Keeps the store true by following a publisher: begins at a checkpoint, takes each frame after it, and asks how far that is from the database. Nothing is served before the first
/// answer, because nothing is known of its age. The age begins when a question is asked: once the frame that the answer names has been taken, all that was committed by then is included.
/// Frames that the stream does not bring in time, it asks the publisher for.
/// </summary>
internal sealed class FollowerFeed(
    Broker broker, Checkpoints checkpoints, CountsStore store, DrainRequests requests, WakeSignal wake, FeedProgress progress, CountsFeed database, IOptions<FeedOptions> options,
    TimeProvider time, ILogger<FollowerFeed> logger) : BackgroundService
{
    /// <summary>So many questions are under way at a time.</summary>
    private const int MostQuestions = 16;

    /// <summary>So much that has come waits here; a part of a large frame is half a megabyte.</summary>
    private const int MostEvents = 64;

    /// <summary>A publisher that has not answered for so long does not answer.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);

    /// <summary>And after this the database is followed, where that is wanted.</summary>
    private static readonly TimeSpan LongSilence = TimeSpan.FromSeconds(6);

    /// <summary>Frames that the publisher names come by the stream sooner than this; else it is asked for them.</summary>
    private static readonly TimeSpan HandOutAfter = TimeSpan.FromMilliseconds(300);

    /// <summary>Not more often than this, because on a slow network frames that come twice come in the way of others.</summary>
    private static readonly TimeSpan HandOutInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>And else the stream is read afresh, as where the server that it came from has gone. Doubled each time, up to the other.</summary>
    private static readonly TimeSpan ShortPatience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongPatience = TimeSpan.FromSeconds(8);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Where a load was in vain, the next one will hardly be another matter.</summary>
    private static readonly TimeSpan LongPause = TimeSpan.FromSeconds(2);

    /// <summary>Between questions of reads, where the one before was not answered.</summary>
    private static readonly TimeSpan PauseUnanswered = TimeSpan.FromMilliseconds(50);

    private readonly FeedOptions _options = options.Value;
    private long _answeredAt = time.GetTimestamp();
    private string _reported = "";
    private string _failure = "";
    private Chain? _chain;

    /// <summary>The most that the stream has had of a chain, as far as this service knows.</summary>
    private volatile Claim? _claim;

    /// <summary>The frame that the publisher is to hand out, and those after it; 0: none.</summary>
    private ulong _nextFrame;

    /// <summary>When it was last asked to.</summary>
    private long _handOutAskedAt;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            progress.BeginStep(FeedProgress.Opening);
            var pause = Pause;
            try
            {
                if (_options.FallBack && time.GetElapsedTime(_answeredAt) > LongSilence)
                {
                    _chain = await FallBackAsync(stoppingToken);
                }

                pause = _chain is null ? LongPause : Pause;
                _chain ??= await LoadAsync(stoppingToken);
                pause = Pause;
                await FollowAsync(_chain, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (ChainEndedException e)
            {
                _chain = null;
                Instruments.Reloads.Increment(ReloadCause.Registration);
                progress.BecomeNotLive(FeedState.Syncing, $"loading all counts, because {e.Message}", isForEverybody: true);
                ReplicationLog.Left(logger, e.Message);
            }
            catch (Exception e)
            {
                Report(e);
            }

            await Task.Delay(pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Begins at a checkpoint.</summary>
    private async Task<Chain> LoadAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var (chain, problem) = (default(Chain), "there is no checkpoint to begin at");
        try
        {
            chain = await checkpoints.LoadAsync(cancellationToken);
        }
        catch (Checkpoints.UnreadableException e)
        {
            problem = e.Message;
        }

        if (chain is null)
        {
            await broker.AskAsync(new Question { Follower = broker.Name, NoCheckpoint = true, AgeMicroseconds = -1 }, Silence, cancellationToken);
            throw new TimeoutException($"{problem}; the publisher was asked for one.");
        }

        var seconds = time.GetElapsedTime(started).TotalSeconds;
        ReplicationLog.Loaded(logger, chain.Name, chain.Number, chain.Store.Version!.Messages, seconds);
        Instruments.Loads.Record(seconds, Instruments.Source[LoadSource.Checkpoint]);
        return chain;
    }

    /// <summary>Takes what comes, until something breaks.</summary>
    private async Task FollowAsync(Chain chain, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // Whoever is slow reads on when there is room; the broker keeps the rest.
        var events = Channel.CreateBounded<ChainEvent>(new BoundedChannelOptions(MostEvents) { SingleReader = true });
        var reader = new FrameReader(broker, chain.Sequence, (sequence, part) => events.Writer.WriteAsync(new PartCame(sequence, part), ending.Token), time);
        var reading = ReadAsync(reader, events.Writer, ending.Token);
        var asking = AskRepeatedlyAsync(events.Writer, ending.Token);
        var waiting = new List<Answered>();
        var followedSince = time.GetTimestamp();
        var (movedAt, readSince, patience) = (followedSince, followedSince, ShortPatience);
        try
        {
            await foreach (var happened in events.Reader.ReadAllAsync(cancellationToken))
            {
                progress.BeginStep(Silence);
                switch (happened)
                {
                    case PartCame part:
                        chain.Take(part.Sequence, part.Part);
                        movedAt = readSince = time.GetTimestamp();
                        patience = ShortPatience;
                        break;
                    case Answered answered when answered.Answer.Chain != chain.Name:
                        answered.Waiting.SetResult(false);
                        // The one that published before may say so for a moment: the stream knows.
                        if ((await broker.ReadEndAsync(cancellationToken))?.Frame is { } last && last.Chain != chain.Name)
                        {
                            throw new ChainEndedException($"another chain is published ({last.Chain})");
                        }

                        break;
                    case Answered answered:
                        (_answeredAt, _failure) = (time.GetTimestamp(), "");
                        waiting.Add(answered);
                        chain.TakeHandedOut(answered.Answer.Frames);
                        // What could not be taken, cannot be taken later either.
                        answered.Answer.Frames.Clear();
                        break;
                    case Unanswered unanswered:
                        _failure = unanswered.Reason;
                        break;
                }

                Settle(chain, waiting);
                var lacksFrames = waiting.Count > 0 || chain.IsAhead;
                if (!lacksFrames)
                {
                    movedAt = readSince = time.GetTimestamp();
                }

                var isLate = time.GetElapsedTime(movedAt) > HandOutAfter && time.GetElapsedTime(Volatile.Read(ref _handOutAskedAt)) > HandOutInterval;
                Volatile.Write(ref _nextFrame, isLate ? chain.Number + 1 : 0);
                if (_claim is null || _claim.Chain != chain.Name || _claim.Sequence < chain.Sequence)
                {
                    _claim = new Claim(chain.Name, chain.Sequence, chain.StreamTenure);
                }

                if (time.GetElapsedTime(readSince) > patience)
                {
                    Report(new TimeoutException($"the frames that the publisher names do not come by the stream ({(reader.Failure.Length > 0 ? reader.Failure : "it is silent")})."));
                    readSince = time.GetTimestamp();
                    patience = patience * 2 < LongPatience ? patience * 2 : LongPatience;
                    reader.BeginAgain();
                }

                if (time.GetElapsedTime(Math.Max(_answeredAt, followedSince)) > (_failure.Length > 0 ? Silence : LongSilence))
                {
                    throw new TimeoutException($"the publisher does not answer ({_failure}).");
                }
            }
        }
        finally
        {
            await ending.CancelAsync();
            await Task.WhenAll(reading, asking);
            waiting.ForEach(answered => answered.Waiting.TrySetResult(false));
            while (events.Reader.TryRead(out var left))
            {
                (left as Answered)?.Waiting.TrySetResult(false);
            }
        }
    }

    private void Settle(Chain chain, List<Answered> waiting)
    {
        // Numbers of another tenure do not compare: what one of before has said is asked again.
        foreach (var answered in waiting.Where(answered => answered.Answer.Tenure < chain.Tenure))
        {
            answered.Waiting.SetResult(false);
        }

        waiting.RemoveAll(answered => answered.Answer.Tenure < chain.Tenure);
        bool IsHere(Answered answered) => answered.Answer.Tenure == chain.Tenure && answered.Answer.Number <= chain.Number;
        var settled = waiting.FindAll(IsHere);
        if (settled.Count == 0)
        {
            return;
        }

        var isProven = false;
        try
        {
            if (chain.Store != store && store.Version is { } held && held.Epoch == chain.Name && !held.Snapshot.IsContainedIn(chain.Store.Version!.Snapshot))
            {
                // What was served is not included yet: of a publisher that was frozen, which handed frames out when another one had begun.
                return;
            }

            foreach (var answered in settled)
            {
                // Of an earlier frame it says nothing that this one does not.
                chain.Prove(answered.AskedAt, answered.Answer.Number == chain.Number ? PgSnapshot.Parse(answered.Answer.Snapshot) : null);
            }

            if (chain.Store != store)
            {
                chain.MoveTo(store);
            }

            _reported = "";
            // Before the reads that wait are answered: with LIVE.
            progress.BecomeLive();
            isProven = true;
        }
        finally
        {
            waiting.RemoveAll(IsHere);
            settled.ForEach(answered => answered.Waiting.SetResult(isProven));
        }
    }

    private static async Task ReadAsync(FrameReader reader, ChannelWriter<ChainEvent> events, CancellationToken cancellationToken)
    {
        try
        {
            await reader.RunAsync(cancellationToken);
        }
        catch (Exception e)
        {
            events.TryComplete(e);
        }
    }

    /// <summary>Asks for the age now and then, and at once when a read waits.</summary>
    private async Task AskRepeatedlyAsync(ChannelWriter<ChainEvent> events, CancellationToken cancellationToken)
    {
        using var room = new SemaphoreSlim(MostQuestions);
        try
        {
            while (true)
            {
                await wake.WhenSetAsync(_options.HeartbeatInterval, cancellationToken);
                await room.WaitAsync(cancellationToken);
                wake.Take();
                var waiting = requests.BeginDrain(out var isAsked);
                _ = AskAsync(isAsked, waiting, events, room, cancellationToken);
                await Task.Delay(_failure.Length == 0 ? _options.MinDrainInterval : PauseUnanswered, time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Until all that are under way have ended.
            for (var i = 0; i < MostQuestions; i++)
            {
                await room.WaitAsync(CancellationToken.None);
            }
        }
    }

    private async Task AskAsync(bool isAsked, TaskCompletionSource<bool> waiting, ChannelWriter<ChainEvent> events, SemaphoreSlim room, CancellationToken cancellationToken)
    {
        try
        {
            var askedAt = time.GetTimestamp();
            var question = new Question
            {
                Follower = broker.Name,
                AgeMicroseconds = store.Version is { } version ? (long)time.GetElapsedTime(version.TakenAt).TotalMicroseconds : -1,
                Now = isAsked,
                NextFrame = Interlocked.Exchange(ref _nextFrame, 0),
            };
            if (_claim is { } claim)
            {
                (question.Chain, question.Sequence, question.Tenure) = (claim.Chain, claim.Sequence, claim.Tenure);
            }

            if (question.NextFrame > 0)
            {
                Volatile.Write(ref _handOutAskedAt, askedAt);
            }

            var answer = await broker.AskAsync(question, Silence + _options.HeartbeatInterval, cancellationToken);
            await events.WriteAsync(new Answered(answer, askedAt, waiting), cancellationToken);
        }
        catch (Exception e)
        {
            waiting.TrySetResult(false);
            events.TryWrite(new Unanswered(e.Message));
        }
        finally
        {
            room.Release();
        }
    }

    /// <summary>Follows the database like any other cache, until a publisher answers and its chain is loaded.</summary>
    private async Task<Chain> FallBackAsync(CancellationToken stoppingToken)
    {
        ReplicationLog.FellBack(logger, time.GetElapsedTime(_answeredAt).TotalSeconds);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var following = database.FollowAsync(ending.Token);
        try
        {
            while (true)
            {
                if (await TryReturnAsync(stoppingToken) is { } chain)
                {
                    ReplicationLog.Returned(logger);
                    _answeredAt = time.GetTimestamp();
                    return chain;
                }

                await Task.Delay(Silence, time, stoppingToken);
            }
        }
        finally
        {
            await ending.CancelAsync();
            await following;
        }
    }

    private async Task<Chain?> TryReturnAsync(CancellationToken cancellationToken)
    {
        try
        {
            await broker.AskAsync(new Question { Follower = broker.Name, AgeMicroseconds = -1, Now = true }, Silence, cancellationToken);
            return await LoadAsync(cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Report(e);
            return null;
        }
    }

    private void Report(Exception e)
    {
        if (store.Version is null)
        {
            progress.BecomeNotLive(FeedState.Starting, $"the publisher cannot be followed: {e.Message}");
        }

        if (e.Message != _reported)
        {
            ReplicationLog.NotFollowed(logger, e.Message);
            _reported = e.Message;
        }
    }

    /// <param name="Chain">The chain.</param>
    /// <param name="Sequence">The sequence of its last frame that was whole.</param>
    /// <param name="Tenure">Whose frame that was.</param>
    private sealed record Claim(string Chain, ulong Sequence, ulong Tenure);

    private abstract record ChainEvent;

    /// <summary>A part of a frame came.</summary>
    private sealed record PartCame(ulong Sequence, Frame Part) : ChainEvent;

    /// <summary>The publisher has answered.</summary>
    private sealed record Answered(Answer Answer, long AskedAt, TaskCompletionSource<bool> Waiting) : ChainEvent;

    /// <summary>It has not.</summary>
    private sealed record Unanswered(string Reason) : ChainEvent;
}
