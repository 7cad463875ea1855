using CacheService.Client.Connections;
using Grpc.Core;
using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.Client.Streams;

/// <summary>A server, and the stream of reads to it, which is opened when it is asked for, and replaced when it has ended or is old. Thread-safe.</summary>
internal sealed class ReadServer(ServerAddress address, Channels channels, TweetCountsClientOptions options, TimeProvider time) : IDisposable
{
    // Whoever balances load between here and the servers sees a stream as one call, which stays where it is: so it is not for ever.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    // An older server may be replaced.
    private static readonly TimeSpan UnknownFor = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly RetryPauses _pauses = new(options.MaxBackoff);
    private readonly Lazy<GrpcChannel> _channel = new(() => channels.To(address));
    private ReadStream? _stream;
    private ReadStream? _opening;
    private long _closedAt;
    private TimeSpan _pause;
    private int _streams;
    private bool _hasGone;
    private bool _isDisposed;

    /// <summary>Where it is.</summary>
    public ServerAddress Address => address;

    /// <summary>Whether the server knows no streams of reads, or does not take them.</summary>
    public bool KnowsNoStreams { get; private set; }

    /// <summary>Whether there is a stream.</summary>
    public bool IsOpen => Volatile.Read(ref _stream) is { TakesReads: true };

    /// <summary>Whether it has gone, with all that was to be answered.</summary>
    public bool HasEnded
    {
        get
        {
            lock (_lock)
            {
                return _hasGone && _streams == 0;
            }
        }
    }

    private bool IsWanted =>
        (Volatile.Read(ref _stream) is not { TakesReads: true } stream || stream.Age > Lifetime) && time.GetElapsedTime(_closedAt) >= _pause;

    /// <summary>The stream; null: there is none, but soon.</summary>
    public ReadStream? Stream()
    {
        var stream = Volatile.Read(ref _stream) is { TakesReads: true } open ? open : null;
        if (IsWanted)
        {
            BeginToOpen();
        }

        return stream;
    }

    /// <summary>The server has gone: takes no more reads, and ends when all are answered.</summary>
    public void Retire()
    {
        ReadStream? stream;
        lock (_lock)
        {
            _hasGone = true;
            (stream, _stream) = (_stream, null);
            CloseUnused();
        }

        stream?.Retire();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ReadStream?[] streams;
        lock (_lock)
        {
            _isDisposed = true;
            streams = [_stream, _opening];
            _stream = null;
        }

        Array.ForEach(streams, stream => stream?.Dispose());
        if (_channel.IsValueCreated)
        {
            _channel.Value.Dispose();
        }
    }

    private void BeginToOpen()
    {
        if (Volatile.Read(ref _opening) is null)
        {
            // Elsewhere, and with nothing of the caller's context: it outlives the call.
            ThreadPool.UnsafeQueueUserWorkItem(static server => _ = server.OpenAsync(), this, preferLocal: false);
        }
    }

    private async Task OpenAsync()
    {
        ReadStream stream;
        lock (_lock)
        {
            if (_isDisposed || _hasGone || _opening is not null || !IsWanted)
            {
                return;
            }

            _streams++;
            _opening = stream = new ReadStream(new TweetCountsService.TweetCountsServiceClient(_channel.Value), time);
        }

        try
        {
            await stream.OpenAsync(options.DefaultDeadline, Close).ConfigureAwait(false);
            ReadStream? earlier = null;
            lock (_lock)
            {
                _opening = null;
                // Its status may have come right after its headers: then Close has been called, or is about to be.
                if (_hasGone)
                {
                    earlier = stream;
                }
                else if (stream.TakesReads)
                {
                    (earlier, _stream, KnowsNoStreams) = (_stream, _isDisposed ? null : stream, false);
                }
            }

            earlier?.Retire();
        }
        catch (Exception e)
        {
            lock (_lock)
            {
                _opening = null;
                _streams--;
                WaitAfter(e as RpcException);
                CloseUnused();
            }

            stream.Dispose();
        }
    }

    private void Close(ReadStream stream, RpcException? reason)
    {
        lock (_lock)
        {
            if (stream.Age > options.MaxBackoff)
            {
                _pauses.Reset();
            }

            _streams--;
            WaitAfter(reason);
            CloseUnused();
        }
    }

    private void CloseUnused()
    {
        if (_hasGone && _streams == 0 && _channel.IsValueCreated)
        {
            _channel.Value.Dispose();
        }
    }

    private void WaitAfter(RpcException? reason)
    {
        var asked = reason is null ? null : _pauses.After(reason);
        // RESOURCE_EXHAUSTED without a time: it refuses messages of that size.
        KnowsNoStreams = reason?.StatusCode == StatusCode.Unimplemented || (reason?.StatusCode == StatusCode.ResourceExhausted && asked is null);
        (_closedAt, _pause) = (time.GetTimestamp(), KnowsNoStreams ? UnknownFor : asked ?? _pauses.Next());
    }
}
