using CacheService.Client.Connections;

namespace CacheService.Client.Streams;

/// <summary>
/// The streams that reads go over, one to each server. They are opened beside the reads, which go as calls as long as there is none: at the start, after a break, and with servers
/// that do not know streams of reads. Thread-safe.
/// </summary>
internal sealed class ReadStreams : IDisposable
{
    private readonly ServerList _list;
    private readonly Func<ServerAddress, ReadServer> _make;
    private readonly Lock _lock = new();
    private readonly List<ReadServer> _gone = [];
    private volatile ReadServer[] _servers = [];
    private bool _isDisposed;
    private uint _reads;

    public ReadStreams(TweetCountsClientOptions options, ServerList servers, Channels channels, TimeProvider time)
    {
        (_list, _make) = (servers, address => new ReadServer(address, channels, options, time));
        servers.Changed += Follow;
        Follow();
    }

    /// <summary>Whether there is one to each server.</summary>
    public bool AreOpen => _servers is { Length: > 0 } servers && Array.TrueForAll(servers, server => server.IsOpen);

    /// <summary>The stream for the next read; null: it goes as a call.</summary>
    public ReadStream? Choose()
    {
        // Who reads once needs no stream.
        var turn = Interlocked.Increment(ref _reads) - 1;
        if (turn == 0)
        {
            return null;
        }

        // A server that is away is passed over, as by calls. One that takes no streams has its turns among the calls.
        var servers = _servers;
        for (var i = 0u; i < servers.Length; i++)
        {
            var server = servers[(turn + i) % servers.Length];
            if (server.Stream() is { } stream)
            {
                return stream;
            }

            if (server.KnowsNoStreams)
            {
                return null;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            Array.ForEach([.. _servers, .. _gone], server => server.Dispose());
        }
    }

    private void Follow()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            var known = _servers.ToDictionary(server => server.Address);
            _servers = [.. _list.Current.Select(address => known.Remove(address, out var server) ? server : _make(address))];
            foreach (var gone in known.Values)
            {
                gone.Retire();
                _gone.Add(gone);
            }

            _gone.RemoveAll(server => server.HasEnded);
        }
    }
}
