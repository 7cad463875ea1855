using System.Globalization;
using CacheService.Client.Connections;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Client.Streams;

/// <summary>
/// A stream of reads to one server (<c>ReadCounts</c>). A read is sent by its caller, if nothing is being sent; what comes meanwhile goes together afterwards. So a lone read
/// waits for nothing, and many need few messages. Thread-safe.
/// </summary>
internal sealed class ReadStream : IDisposable
{
    // Some 10 KB. A server that takes less (Limits:MaxRequestBytes) ends the stream, and is served by calls then.
    private const int MostReadsPerMessage = 500;

    // Less than a server takes; more go as calls.
    private const int MostWaiting = 1_000;

    // A server that does not take what is sent gets no more of it; more go as calls.
    private const int MostUnsentMessages = 20;

    private static readonly DateTime Never = DateTime.MaxValue;

    private readonly Lock _lock = new();
    private readonly AsyncDuplexStreamingCall<ReadCountsRequest, ReadCountsResponse> _call;
    private readonly TimeProvider _time;
    private readonly ITimer _deadlines;
    private readonly Dictionary<ulong, StreamedRead> _reads = [];
    private readonly long _begun;
    private readonly Queue<ReadCountsRequest> _full = [];
    private ReadCountsRequest _next = new();
    private ReadCountsRequest _spare = new();
    private ulong _lastId;
    private int _waiting;
    private DateTime _nextDeadline = Never;
    private bool _isSending;
    private volatile bool _takesReads = true;
    private bool _isDisposed;

    /// <summary>Begins to open it.</summary>
    public ReadStream(TweetCountsService.TweetCountsServiceClient server, TimeProvider time)
    {
        _time = time;
        _begun = time.GetTimestamp();
        _call = server.ReadCounts();
        _deadlines = time.CreateTimer(static stream => ((ReadStream)stream!).Expire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether it has neither ended nor is to end.</summary>
    public bool TakesReads => _takesReads;

    /// <summary>For how long it is there.</summary>
    public TimeSpan Age => _time.GetElapsedTime(_begun);

    /// <summary>Completes when the server takes reads.</summary>
    /// <param name="patience">For how long to wait.</param>
    /// <param name="ended">Called when the stream has ended, with the server's reason, if there is one.</param>
    /// <exception cref="RpcException">It does not, or not on streams: UNIMPLEMENTED.</exception>
    /// <exception cref="TimeoutException">It does not say.</exception>
    public async Task OpenAsync(TimeSpan patience, Action<ReadStream, RpcException?> ended)
    {
        await _call.ResponseHeadersAsync.WaitAsync(patience, _time).ConfigureAwait(false);
        var receiving = _call.ResponseStream.MoveNext(CancellationToken.None);
        if (receiving.IsCompleted)
        {
            // A call that is refused has its status in its headers.
            await receiving.ConfigureAwait(false);
            throw new RpcException(new Status(StatusCode.Unavailable, "the server has ended the stream"));
        }

        _ = ReceiveAsync(receiving, ended);
    }

    /// <summary>Sends a read.</summary>
    /// <returns>False: the stream takes no more of them.</returns>
    public bool TryBegin(StreamedRead read)
    {
        read.Begin(this);
        var now = _time.GetUtcNow().UtcDateTime;
        lock (_lock)
        {
            if (!_takesReads || _full.Count >= MostUnsentMessages || (read.Requirement is not null && _waiting >= MostWaiting))
            {
                read.TakeBack();
                return false;
            }

            read.Id = ++_lastId;
            _reads.Add(read.Id, read);
            _waiting += read.Requirement is null ? 0 : 1;
            _next.Reads.Add(read.ToWire(now));
            if (_next.Reads.Count == MostReadsPerMessage)
            {
                _full.Enqueue(_next);
                _next = new ReadCountsRequest();
            }

            if (read.Deadline < _nextDeadline)
            {
                ExpireAt(read.Deadline, now);
            }
        }

        Send();
        return true;
    }

    /// <summary>Nobody waits for a read any more.</summary>
    public void GiveUp(StreamedRead read)
    {
        lock (_lock)
        {
            if (Remove(read.Id) is null || read.Requirement is null)
            {
                return;
            }

            _next.GivenUp.Add(read.Id);
        }

        Send();
    }

    /// <summary>Takes no more reads, and ends when all are answered.</summary>
    public void Retire()
    {
        lock (_lock)
        {
            _takesReads = false;
        }

        Send();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            (_isDisposed, _takesReads) = (true, false);
        }

        // Ends what receives, and that ends the reads.
        _call.Dispose();
        _deadlines.Dispose();
    }

    private void Send()
    {
        if (Next(isFirst: true) is { } message)
        {
            _ = SendAsync(message);
        }
    }

    private async Task SendAsync(ReadCountsRequest? message)
    {
        try
        {
            for (; message is not null; message = Next(isFirst: false))
            {
                await _call.RequestStream.WriteAsync(message).ConfigureAwait(false);
                message.Reads.Clear();
                message.GivenUp.Clear();
                _spare = message;
            }
        }
        catch (Exception)
        {
            // The connection is gone, or the server has ended the call. What receives is told as well, and why.
            _call.Dispose();
        }
    }

    /// <summary>The next message to send; null: nobody is to send now.</summary>
    private ReadCountsRequest? Next(bool isFirst)
    {
        lock (_lock)
        {
            if (isFirst && _isSending)
            {
                return null;
            }

            _isSending = true;
            if (_full.TryDequeue(out var full))
            {
                return full;
            }

            if (_next.Reads.Count == 0 && _next.GivenUp.Count == 0)
            {
                _isSending = !_takesReads;
                if (_isSending && !_isDisposed)
                {
                    _ = CompleteAsync();
                }

                return null;
            }

            var message = _next;
            _next = _spare;
            return message;
        }
    }

    private async Task CompleteAsync()
    {
        try
        {
            await _call.RequestStream.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            _call.Dispose();
        }
    }

    /// <summary>
    /// Receives until the stream ends. Of each message the last caller goes on here, without waiting for another thread, once the next message has somebody to receive it;
    /// the others go on elsewhere. So no caller can hold up another, whatever it does.
    /// </summary>
    private async Task ReceiveAsync(Task<bool> receiving, Action<ReadStream, RpcException?> ended)
    {
        StreamedRead? last = null;
        try
        {
            // Not on this thread, even if the message has come by now: it goes on with a caller.
            for (var isThere = await receiving.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); isThere; isThere = await receiving.ConfigureAwait(false))
            {
                last = Take(_call.ResponseStream.Current);
                receiving = _call.ResponseStream.MoveNext(CancellationToken.None);
                if (last is not null && receiving.IsCompleted)
                {
                    // The next message is there, or the end: that goes first.
                    ThreadPool.UnsafeQueueUserWorkItem(last, preferLocal: false);
                    last = null;
                }
                else if (last is not null)
                {
                    break;
                }
            }
        }
        catch (Exception e)
        {
            if (last is not null)
            {
                // It is answered: what failed is the next message.
                ThreadPool.UnsafeQueueUserWorkItem(last, preferLocal: false);
            }

            End(e as RpcException, ended);
            return;
        }

        if (last is null)
        {
            End(null, ended);
            return;
        }

        _ = ReceiveAsync(receiving, ended);
        last.Execute();
    }

    /// <summary>Ends the reads that are answered.</summary>
    /// <returns>The last of them, whose caller is still to be told.</returns>
    private StreamedRead? Take(ReadCountsResponse message)
    {
        StreamedRead? last = null;
        var freshness = Wire.Of(message.Freshness);
        foreach (var answer in message.Answers)
        {
            StreamedRead? read;
            lock (_lock)
            {
                read = Remove(answer.Id);
            }

            if (read is not null && (answer.Counts is null ? read.End(FailureOf(answer.Error)) : read.End(new CountsAnswer(Wire.Of(answer.Counts), freshness))))
            {
                if (last is not null)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(last, preferLocal: false);
                }

                last = read;
            }
        }

        return last;
    }

    private static RpcException FailureOf(ReadError? error)
    {
        if (error is null)
        {
            return new RpcException(new Status(StatusCode.Internal, "the server's answer has neither counts nor an error"));
        }

        var trailers = new Metadata();
        if (error.RetryAfter is { } wait)
        {
            // As a number, whatever it is: nothing here may throw, because other reads of the message are yet to be told.
            var milliseconds = Math.Ceiling(TimeSpan.FromSeconds(1).TotalMilliseconds * (wait.Seconds + (wait.Nanos / 1e9)));
            trailers.Add(RetryPauses.Pushback, milliseconds.ToString("0", CultureInfo.InvariantCulture));
        }

        return new RpcException(new Status((StatusCode)error.Code, error.Message), trailers);
    }

    private void End(RpcException? reason, Action<ReadStream, RpcException?> ended)
    {
        StreamedRead[] unanswered;
        lock (_lock)
        {
            _takesReads = false;
            unanswered = [.. _reads.Values];
            _reads.Clear();
        }

        _deadlines.Dispose();
        _call.Dispose();
        ended(this, reason);
        foreach (var read in unanswered)
        {
            Exception failure = _isDisposed
                ? new ObjectDisposedException(nameof(TweetCountsClient))
                : new RpcException(new Status(StatusCode.Unavailable, $"the connection was lost: {reason?.Status.Detail ?? "the server has ended the stream"}", reason));
            if (read.End(failure))
            {
                ThreadPool.UnsafeQueueUserWorkItem(read, preferLocal: false);
            }
        }
    }

    private StreamedRead? Remove(ulong id)
    {
        if (_reads.Remove(id, out var read) && read.Requirement is not null)
        {
            _waiting--;
        }

        return read;
    }

    /// <summary>Ends the reads whose time is over.</summary>
    private void Expire()
    {
        List<StreamedRead> expired = [];
        lock (_lock)
        {
            var now = _time.GetUtcNow().UtcDateTime;
            var next = Never;
            foreach (var read in _reads.Values)
            {
                if (read.Deadline <= now)
                {
                    expired.Add(read);
                }
                else if (read.Deadline < next)
                {
                    next = read.Deadline;
                }
            }

            ExpireAt(next, now);
        }

        foreach (var read in expired)
        {
            GiveUp(read);
            if (read.End(new RpcException(new Status(StatusCode.DeadlineExceeded, ""))))
            {
                ThreadPool.UnsafeQueueUserWorkItem(read, preferLocal: false);
            }
        }
    }

    private void ExpireAt(DateTime deadline, DateTime now)
    {
        _nextDeadline = deadline;
        if (deadline != Never)
        {
            var wait = deadline - now;
            // A timer may be early by part of a millisecond.
            _deadlines.Change(wait > TimeSpan.Zero ? wait + TimeSpan.FromMilliseconds(1) : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }
}
