using CacheService.Api.Messages;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using NATS.Client.Core;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>
/// Hears what followers ask, and answers while this service publishes. Whether the counts include all that was committed before a question came, is answered as soon as a drain
/// that began after it is in the stream, or found nothing. Thread-safe.
/// </summary>
internal sealed class QuestionDesk(
    Broker broker, FollowerList followers, DrainRequests requests, ITransactionIds transactions, TextCache texts, CacheList caches, Replies replies, TimeProvider time, ILogger<QuestionDesk> logger)
    : BackgroundService
{
    private const int MostWaiting = 100_000;

    /// <summary>What the database is asked at a time. Whoever may ask here is no caller of the API, whose limits are for each.</summary>
    private const int MostLookups = 64;

    /// <summary>Longer nobody waits.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly List<Waiting> _waiting = [];

    /// <summary>The last sequence of a tenure of a chain that any follower has had.</summary>
    private readonly Dictionary<(string Chain, ulong Tenure), ulong> _had = [];
    private int _lookups;
    private bool _lacksCheckpoint;
    private Publication? _publication;

    /// <summary>This service does not publish, or no more: those who wait ask again, and another one answers.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _publication = null;
            _waiting.Clear();
            _lacksCheckpoint = false;
        }
    }

    /// <summary>Answers those whose questions came before a version's drain began.</summary>
    /// <param name="publication">What this service publishes, up to the frame that has the version's state.</param>
    /// <param name="version">The version.</param>
    public void Settle(Publication publication, CountsVersion version)
    {
        List<Waiting> settled;
        lock (_gate)
        {
            _publication = publication;
            settled = _waiting.FindAll(waiting => waiting.ArrivedAt <= version.TakenAt);
            _waiting.RemoveAll(waiting => waiting.ArrivedAt <= version.TakenAt || time.GetElapsedTime(waiting.ArrivedAt) > Patience);
        }

        if (settled.Count > 0)
        {
            settled.ForEach(waiting => Reply(waiting.Question, publication.NewAnswer(version, waiting.Question.Question.NextFrame, broker.MaxPayload / 2)));
        }
    }

    /// <summary>
    /// Whether a follower has had frames of a publication's chain that are not of that publication. The stream's servers have lost them, or another service
    /// has gone on behind this one.
    /// </summary>
    public bool MayHaveLostFrames(Publication publication)
    {
        lock (_gate)
        {
            return _had.Any(had => had.Key.Chain == publication.Chain && had.Value > (had.Key.Tenure == publication.Tenure ? publication.Outbox.Last : publication.Outbox.First));
        }
    }

    /// <summary>Whether a follower has found no checkpoint since the last call.</summary>
    public bool TakeNoCheckpoint()
    {
        lock (_gate)
        {
            var lacks = _lacksCheckpoint;
            _lacksCheckpoint = false;
            return lacks;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await foreach (var asked in broker.ListenAsync(stoppingToken))
                {
                    try
                    {
                        Hear(asked, stoppingToken);
                    }
                    catch (Exception e)
                    {
                        // One question is no reason not to hear others.
                        ReplicationLog.NotListening(logger, e.Message);
                    }
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                ReplicationLog.NotListening(logger, e.Message);
            }

            await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Hear(AskedQuestion asked, CancellationToken stopping)
    {
        followers.Note(asked.Question);
        Publication? publication;
        lock (_gate)
        {
            publication = _publication;
            NoteHad(asked.Question);
            switch (asked.Question.AboutCase)
            {
                case Question.AboutOneofCase.Now when _waiting.Count < MostWaiting:
                    // Also before the first frame, which comes in a moment. What nobody settles, is dropped.
                    _waiting.Add(new Waiting(asked, time.GetTimestamp()));
                    break;
                case Question.AboutOneofCase.NoCheckpoint:
                    _lacksCheckpoint = true;
                    break;
            }
        }

        if (publication is null)
        {
            return;
        }

        switch (asked.Question.AboutCase)
        {
            case Question.AboutOneofCase.Now:
                if (asked.Question.Now)
                {
                    // The drain itself settles it; whether it succeeded, the next one tells too.
                    _ = requests.NextDrainAsync();
                }

                break;
            case Question.AboutOneofCase.NoCheckpoint:
                Reply(asked, publication.NewAnswer());
                break;
            case Question.AboutOneofCase.TransactionId:
                Answer(asked, publication, async answer => answer.IsAssigned = await transactions.IsAssignedAsync(asked.Question.TransactionId, stopping));
                break;
            case Question.AboutOneofCase.TextOf:
                Answer(asked, publication, async answer => answer.Text = Text(await texts.GetAsync(asked.Question.TextOf, stopping)));
                break;
            case Question.AboutOneofCase.Caches:
                Answer(asked, publication, async answer => answer.Caches = replies.Caches(await caches.GetAsync(stopping)));
                break;
        }
    }

    private void NoteHad(Question question)
    {
        const int MostTenures = 64;
        const int LongestName = 64;
        if (question.Chain.Length is 0 or > LongestName)
        {
            return;
        }

        var key = (question.Chain, question.Tenure);
        if (_had.Count >= MostTenures && !_had.ContainsKey(key))
        {
            // Those who follow say it again.
            _had.Clear();
        }

        _had[key] = Math.Max(_had.GetValueOrDefault(key), question.Sequence);
    }

    private void Answer(AskedQuestion asked, Publication publication, Func<Answer, Task> find)
    {
        var answer = publication.NewAnswer();
        if (Interlocked.Increment(ref _lookups) > MostLookups)
        {
            Interlocked.Decrement(ref _lookups);
            answer.Error = "it has too many questions at a time";
            Reply(asked, answer);
            return;
        }

        _ = Task.Run(async () =>
        {
            try
            {
                await find(answer);
            }
            catch (ReadRefusedException e)
            {
                answer.Error = e.Message;
            }
            catch (Exception e)
            {
                ReplicationLog.NotAnswered(logger, e.Message);
                answer.Error = "it could not ask its database";
            }
            finally
            {
                Interlocked.Decrement(ref _lookups);
            }

            Reply(asked, answer);
        });
    }

    private void Reply(AskedQuestion asked, Answer answer) => _ = Task.Run(async () =>
    {
        try
        {
            await asked.ReplyAsync(answer);
        }
        catch (NatsException e)
        {
            // Who asked hears nothing, and asks again.
            ReplicationLog.NotListening(logger, e.Message);
        }
    });

    private static AuthorAndText? Text(MessageText? text) => text is null ? null : new AuthorAndText { Author = text.Author, Text = text.Text, PostedAt = text.PostedAt };

    private sealed record Waiting(AskedQuestion Question, long ArrivedAt);
}
