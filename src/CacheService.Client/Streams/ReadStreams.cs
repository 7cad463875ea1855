using CacheService.Client.Connections;

namespace CacheService.Client.Streams;

/// <summary>
/// The streams that reads go over, one to each server. They are opened beside the reads, which go as calls as long as there is none: at the start, after a break, and with servers
/// that do not know streams of reads. Thread-safe.
/// </summary>
internal sealed class ReadStreams : IDisposable
{
    private readonly ReadServer[] _servers;
    private uint _reads;

    public ReadStreams(TweetCountsClientOptions options, Channels channels, TimeProvider time) =>
        _servers = [.. options.Addresses.Select(address => new ReadServer(address, channels, options, time))];

    /// <summary>Whether there is one to each server.</summary>
    public bool AreOpen => Array.TrueForAll(_servers, server => server.IsOpen);

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
        for (var i = 0u; i < _servers.Length; i++)
        {
            var server = _servers[(turn + i) % _servers.Length];
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
    public void Dispose() => Array.ForEach(_servers, server => server.Dispose());
}
