using CacheService.Concurrency;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>
/// The frames of one tenure, in order: puts them into the stream, and keeps the latest, for followers whom the stream does not bring them. What has been made never changes, so
/// that a frame that was handed out is the one that the stream gets, unless another tenure begins first. One publisher; thread-safe.
/// </summary>
internal sealed class Outbox : IDisposable
{
    /// <summary>So many frames may wait for the stream, and no more are handed out beyond what it has: so much higher is the first revision of the next tenure.</summary>
    public const int MostWaiting = 256;

    /// <summary>What is kept besides of frames that the stream has, in bytes.</summary>
    private const int MostKept = 4 * 1024 * 1024;

    /// <summary>What is handed out at a time, in bytes.</summary>
    private const int Little = 64 * 1024;

    /// <summary>A stream that takes nothing for so long is looked at afresh, from its end on.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Broker _broker;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly LinkedList<Entry> _frames = [];

    /// <summary>The first that waits; null: none does.</summary>
    private LinkedListNode<Entry>? _next;

    private readonly Signal _made = new();
    private readonly Signal _taken = new();
    private ulong _sequence;
    private ulong _takenNumber;
    private ulong _lastSequence;
    private long _keptBytes;

    /// <summary>Begins one.</summary>
    /// <param name="broker">Who has the stream.</param>
    /// <param name="sequence">The last sequence in the stream: the frames come behind it.</param>
    /// <param name="number">The frame whose last part that is.</param>
    /// <param name="own">The drain whose state that frame has.</param>
    /// <param name="time">The time.</param>
    /// <param name="logger">Told where the stream takes none.</param>
    public Outbox(Broker broker, ulong sequence, ulong number, DrainMark own, TimeProvider time, ILogger logger)
    {
        (_broker, _sequence, First, _lastSequence, _takenNumber, Taken, _time, _logger) = (broker, sequence, sequence, sequence, number, own, time, logger);
    }

    /// <summary>The sequence in the stream behind which the tenure begins.</summary>
    public ulong First { get; }

    /// <summary>The last sequence that it has told to have. To be read when nothing is being sent.</summary>
    public ulong Sequence => _sequence;

    /// <summary>The last sequence that the stream can have, once it has all frames.</summary>
    public ulong Last
    {
        get
        {
            lock (_gate)
            {
                return _lastSequence;
            }
        }
    }

    /// <summary>The drain of this cache whose state the last frame in the stream has.</summary>
    public DrainMark Taken { get; private set; }

    /// <summary>The number of that frame.</summary>
    public ulong TakenNumber
    {
        get
        {
            lock (_gate)
            {
                return _takenNumber;
            }
        }
    }

    /// <summary>Adds the next frame.</summary>
    /// <param name="parts">Its parts.</param>
    /// <param name="own">The drain whose state it has.</param>
    public void Add(IReadOnlyList<Frame> parts, DrainMark own)
    {
        lock (_gate)
        {
            if (parts[0].Number - _takenNumber > MostWaiting)
            {
                throw new TimeoutException($"the stream is slower than the changes come: {MostWaiting} frames wait for it.");
            }

            var node = _frames.AddLast(new Entry(parts, own, parts.Sum(part => part.CalculateSize())));
            _next ??= node;
            _lastSequence += (ulong)parts.Count;
        }

        _made.Set();
    }

    /// <summary>Waits until the stream has all frames, but no longer than a time in which it takes none: one that is slow is no reason to make more of them.</summary>
    public async Task WaitUntilTakenAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        var (started, waiting) = (_time.GetTimestamp(), Next());
        while (waiting is not null && atMost - _time.GetElapsedTime(started) is var left && left > TimeSpan.Zero)
        {
            await _taken.WaitAsync(left, cancellationToken);
            if (Next() is var next && next != waiting)
            {
                (started, waiting) = (_time.GetTimestamp(), next);
            }
        }
    }

    /// <summary>Puts frames into the stream as they come.</summary>
    /// <exception cref="FencedException">Another service publishes.</exception>
    public async Task SendAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await SendWaitingAsync(cancellationToken);
                await _made.WaitAsync(Timeout.InfiniteTimeSpan, cancellationToken);
            }
        }
        finally
        {
            _taken.Set();
        }
    }

    /// <summary>Puts those that wait into the stream.</summary>
    /// <exception cref="FencedException">Another service publishes.</exception>
    public async Task SendWaitingAsync(CancellationToken cancellationToken)
    {
        while (Next() is { } frame)
        {
            var started = _time.GetTimestamp();
            foreach (var part in frame.Parts)
            {
                _sequence = await SendAsync(part, started, cancellationToken);
            }

            lock (_gate)
            {
                (_takenNumber, Taken, _next) = (frame.Number, frame.Own, _next!.Next);
                _keptBytes += frame.Bytes;
                while (_keptBytes > MostKept && _frames.First!.Value is var oldest && oldest.Number < _takenNumber)
                {
                    _keptBytes -= oldest.Bytes;
                    _frames.RemoveFirst();
                }
            }

            _taken.Set();
        }
    }

    /// <summary>Whole frames from a number on, as many as are little, or the first of them.</summary>
    /// <param name="number">The number.</param>
    /// <param name="maxBytes">How large that may be.</param>
    public List<Frame> From(ulong number, int maxBytes)
    {
        var (found, bytes) = (new List<Frame>(), 0);
        lock (_gate)
        {
            var first = _frames.Last;
            while (first?.Previous is { } previous && previous.Value.Number >= number)
            {
                first = previous;
            }

            if (first?.Value.Number != number)
            {
                // Those after it are of no use without it.
                return found;
            }

            for (var node = first; node is not null; node = node.Next)
            {
                bytes += node.Value.Bytes;
                if (bytes > (found.Count == 0 ? maxBytes : Little))
                {
                    break;
                }

                found.AddRange(node.Value.Parts);
            }
        }

        return found;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _made.Dispose();
        _taken.Dispose();
    }

    private Entry? Next()
    {
        lock (_gate)
        {
            return _next?.Value;
        }
    }

    /// <summary>Puts a part behind the last one. Where it is not known whether the stream has it, it is looked for before it is put there again.</summary>
    private async Task<ulong> SendAsync(Frame part, long started, CancellationToken cancellationToken)
    {
        for (var (isUncertain, isRefused) = (false, false); ;)
        {
            try
            {
                if (isUncertain && await _broker.ReadPartAsync(_sequence + 1, cancellationToken) is { } there)
                {
                    return there.Equals(part) ? _sequence + 1 : throw new FencedException();
                }

                return isRefused ? throw new FencedException() : await _broker.PublishAsync(part, _sequence, cancellationToken);
            }
            catch (FencedException) when (!isRefused)
            {
                // Because of another service; or of what was sent before, and came late; or of servers that have lost what they had.
                (isUncertain, isRefused) = (true, true);
            }
            catch (Exception e) when (e is not (FencedException or StreamGoneException) && !cancellationToken.IsCancellationRequested && _time.GetElapsedTime(started) < Patience)
            {
                if (!isUncertain)
                {
                    ReplicationLog.NotTaken(_logger, part.Number, e.Message);
                }

                isUncertain = true;
                await Task.Delay(Pause, _time, cancellationToken);
            }
        }
    }

    /// <param name="Parts">Of the frame.</param>
    /// <param name="Own">The drain whose state it has.</param>
    /// <param name="Bytes">How much it is.</param>
    private sealed record Entry(IReadOnlyList<Frame> Parts, DrainMark Own, int Bytes)
    {
        public ulong Number => Parts[0].Number;
    }
}
