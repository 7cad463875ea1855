using CacheService.Api.Grpc.Serialization;
using CacheService.Api.Messages;
using CacheService.Api.Watches;
using CacheService.Reading;
using CacheService.Security;
using CacheService.Watching;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Grpc;

/// <summary>
/// A call of <c>ReadCounts</c>. Reads that ask for nothing are answered at once, one after the other; each of the others waits for itself. Whoever has an answer and finds nobody
/// sending sends, until nothing is left, so that answers which become ready meanwhile go together. A client that does not take its answers is not read from any more.
/// </summary>
internal sealed class ReadStream(
    CountsReader reader, DatabaseReader databaseReader, Replies replies, EncodedReplies encodedReplies, CallErrors errors, CallRate rate, SubscriptionOptions options, TimeProvider time,
    IServerStreamWriter<EncodedReply> responses, ServerCallContext call, CancellationToken stopping)
{
    /// <summary>The most reads of one stream that wait at a time.</summary>
    public const int MostWaiting = 4_000;

    private const int MostUnsent = 64 * 1024;

    // Each takes memory until it is answered, and a message of the greatest size has half a million of them.
    private const int MostReadsPerMessage = 10_000;

    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private readonly AnswerQueue _answers = new(encodedReplies);
    private readonly Dictionary<ulong, CancellationTokenSource> _waiting = [];
    private Task _sending = Task.CompletedTask;
    private bool _isSending;
    private TaskCompletionSource? _answered;

    /// <summary>Answers until the client ends the stream, and then what waits still.</summary>
    public async Task RunAsync(IAsyncStreamReader<ReadCountsRequest> requests)
    {
        // At once: the client learns that its reads are taken.
        await call.WriteResponseHeadersAsync([]);
        await using var gone = call.CancellationToken.UnsafeRegister(static stream => ((ReadStream)stream!).GiveUpAll(), this);
        try
        {
            while (await requests.MoveNext(CancellationToken.None))
            {
                await TakeAsync(requests.Current);
            }
        }
        finally
        {
            await AnsweredAsync();
            var patience = stopping.IsCancellationRequested ? SubscriptionOptions.PatienceAtTheEnd : options.StuckClientTimeout;
            await UntilTakenAsync(_sending, patience, CancellationToken.None);
        }
    }

    /// <summary>Takes a message of the client's; completes when another one may come.</summary>
    public async ValueTask TakeAsync(ReadCountsRequest request)
    {
        if (request.Reads.Count > MostReadsPerMessage)
        {
            throw ReadRefusedException.BadRequest($"a message has {request.Reads.Count} reads; send at most {MostReadsPerMessage} in one");
        }

        foreach (var id in request.GivenUp)
        {
            GiveUp(id);
        }

        foreach (var read in request.Reads)
        {
            Begin(read);
            if (Unsent() > MostUnsent)
            {
                await UntilTakenAsync(Send(), options.StuckClientTimeout, stopping);
            }
        }

        var sending = Send();
        if (Unsent() > MostUnsent)
        {
            await UntilTakenAsync(sending, options.StuckClientTimeout, stopping);
        }
    }

    /// <summary>Waits until the client has taken what is sent. One that does not is cut off, because it would keep its answers, and the service from stopping.</summary>
    private async Task UntilTakenAsync(Task sending, TimeSpan patience, CancellationToken ending)
    {
        try
        {
            await sending.WaitAsync(patience, time, ending);
        }
        catch (TimeoutException)
        {
            call.GetHttpContext().Abort();
            throw new StreamEndedException(StatusCode.Aborted, $"the client has taken no answer for {patience.TotalSeconds:0.#} s");
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            throw new StreamEndedException(StatusCode.Unavailable, "the service is stopping; ask again elsewhere");
        }
    }

    private void Begin(CountsRead read)
    {
        try
        {
            if (rate.IsRefused(call, out var refusal, out var wait))
            {
                Fail(read.Id, refusal, wait);
                return;
            }

            var terms = Requests.Terms(read.Read);
            if (terms is { Requirement: null, FromDatabase: false })
            {
                Answer(read.Id, reader.Read(read.MessageId));
            }
            else
            {
                var deadline = Requests.Timeout(read.Timeout, LongestTimeout) is { } timeout ? time.GetUtcNow().UtcDateTime + timeout : ReadDeadline.None;
                _ = WaitAsync(read, terms with { Deadline = deadline }, Enter(read.Id));
            }
        }
        catch (Exception e)
        {
            Fail(read.Id, errors.StatusOf(e, call.Method, isCancelled: false));
        }
    }

    private async Task WaitAsync(CountsRead read, ReadTerms terms, CancellationTokenSource givenUp)
    {
        try
        {
            terms = terms with { Cancelled = givenUp.Token };
            if (terms.FromDatabase)
            {
                var reading = replies.One(await databaseReader.ReadAsync(read.MessageId, terms));
                lock (_lock)
                {
                    _answers.Add(read.Id, reading);
                }
            }
            else
            {
                Answer(read.Id, await reader.ReadAsync(read.MessageId, terms));
            }
        }
        catch (Exception e)
        {
            var status = errors.StatusOf(e, call.Method, givenUp.IsCancellationRequested);
            if (!givenUp.IsCancellationRequested)
            {
                Fail(read.Id, status);
            }
        }

        _ = Send();
        Leave(read.Id);
    }

    private CancellationTokenSource Enter(ulong id)
    {
        lock (_lock)
        {
            if (_waiting.Count >= MostWaiting)
            {
                throw new ReadRefusedException(ReadRefusal.TooManyWaiting, $"{MostWaiting} reads of this stream wait for what they ask for; wait for their answers, or open another stream");
            }

            // Nothing to dispose of: it has no timer, and is linked to nothing.
            var givenUp = new CancellationTokenSource();
            if (!_waiting.TryAdd(id, givenUp))
            {
                throw ReadRefusedException.BadRequest($"another read with the id {id} waits on this stream; give each its own");
            }

            if (call.CancellationToken.IsCancellationRequested)
            {
                // The client went before this read could be given up with the others.
                _ = givenUp.CancelAsync();
            }

            return givenUp;
        }
    }

    private void Leave(ulong id)
    {
        lock (_lock)
        {
            _waiting.Remove(id);
            if (_waiting.Count == 0)
            {
                _answered?.TrySetResult();
            }
        }
    }

    /// <summary>Completes when nothing waits.</summary>
    private Task AnsweredAsync()
    {
        lock (_lock)
        {
            _answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _waiting.Count == 0 ? Task.CompletedTask : _answered.Task;
        }
    }

    private void GiveUp(ulong id)
    {
        CancellationTokenSource? givenUp;
        lock (_lock)
        {
            _waiting.TryGetValue(id, out givenUp);
        }

        // What follows upon it, such as the cancellation of a query, is not for the thread that takes reads.
        _ = givenUp?.CancelAsync();
    }

    private void GiveUpAll()
    {
        ulong[] ids;
        lock (_lock)
        {
            ids = [.. _waiting.Keys];
        }

        Array.ForEach(ids, GiveUp);
    }

    private void Answer(ulong id, in CountsReading reading)
    {
        lock (_lock)
        {
            _answers.Add(id, reading);
        }
    }

    private void Fail(ulong id, Status status, TimeSpan? retryAfter = null)
    {
        lock (_lock)
        {
            _answers.Add(id, status, retryAfter);
        }
    }

    private int Unsent()
    {
        lock (_lock)
        {
            return _answers.Length;
        }
    }

    private Task Send()
    {
        lock (_lock)
        {
            if (!_isSending)
            {
                // Within the lock: the writer takes one message at a time, and completes at once where the client takes what it gets.
                _isSending = true;
                _sending = SendAsync();
            }

            return _sending;
        }
    }

    private async Task SendAsync()
    {
        while (Next() is { } message)
        {
            // Fails where the client has gone; then nothing is sent any more, and the call ends.
            await responses.WriteAsync(message);
        }
    }

    private EncodedReply? Next()
    {
        lock (_lock)
        {
            var message = _answers.Take();
            _isSending = message is not null;
            return message;
        }
    }
}
