using CacheService.Client.Connections;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Client.Watching;

/// <summary>One call of WatchCounts, which is given up when nothing has come for three heartbeats.</summary>
internal sealed class WatchConnection : IDisposable
{
    private const int MissedHeartbeats = 3;

    private readonly WatchServers _servers;
    private readonly ServerAddress _server;
    private readonly TimeSpan _patience;
    private readonly CancellationTokenSource _silence;
    private readonly CancellationTokenSource _ended;
    private readonly AsyncServerStreamingCall<WatchCountsResponse> _call;
    private readonly CancellationToken _cancelled;

    public WatchConnection(
        WatchServers servers, ServerAddress server, WatchOptions options, TimeSpan heartbeat, WatchProgress progress, TimeProvider time, CancellationToken cancelled)
    {
        (_servers, _server) = (servers, server);
        var request = new WatchCountsRequest
        {
            All = options.MessageIds is null,
            MinInterval = options.MinInterval?.ToDuration(),
            Heartbeat = heartbeat.ToDuration(),
        };
        request.MessageIds.AddRange(options.MessageIds ?? []);
        progress.Continue(request);

        // A server that paces may keep its heartbeats back too.
        _patience = (heartbeat * MissedHeartbeats) + (options.MinInterval ?? TimeSpan.Zero);
        _cancelled = cancelled;
        _silence = new CancellationTokenSource(_patience, time);
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancelled, _silence.Token);
        _call = servers.Enter(server).WatchCounts(request, cancellationToken: _ended.Token);
    }

    /// <summary>Why there is no further message; null as long as there may be.</summary>
    public WatchBreak? Break { get; private set; }

    /// <summary>The next message; null where there is none and <see cref="Break"/> says why.</summary>
    /// <exception cref="OperationCanceledException">The watch was cancelled.</exception>
    /// <exception cref="RpcException">An error that no other attempt mends.</exception>
    public async Task<WatchCountsResponse?> ReadAsync()
    {
        // Only the time spent waiting counts: a caller that is busy with the last message has not lost the connection.
        _silence.CancelAfter(_patience);
        try
        {
            if (await _call.ResponseStream.MoveNext(CancellationToken.None).ConfigureAwait(false))
            {
                return _call.ResponseStream.Current;
            }

            Break = WatchBreak.Ended;
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException)
        {
            _cancelled.ThrowIfCancellationRequested();
            if (_silence.IsCancellationRequested)
            {
                Break = Silence();
            }
            else if (e is RpcException error && WatchBreak.IsPassing(error))
            {
                Break = WatchBreak.Of(error);
            }
            else
            {
                throw;
            }
        }
        finally
        {
            _silence.CancelAfter(Timeout.InfiniteTimeSpan);
        }

        return null;
    }

    public void Dispose()
    {
        _call.Dispose();
        _servers.Leave(_server);
        _ended.Dispose();
        _silence.Dispose();
    }

    private WatchBreak Silence() => new(StatusCode.DeadlineExceeded, $"nothing has come for {_patience.TotalSeconds:0.###} seconds", Silent: true);
}
