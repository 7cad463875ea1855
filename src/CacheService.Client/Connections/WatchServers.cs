using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.Client.Connections;

/// <summary>
/// The single servers, each with a channel of its own that all watches there share. It is made for the first of them; that of a server that has gone ends with the last. Thread-safe.
/// </summary>
internal sealed class WatchServers : IDisposable
{
    private readonly ServerList _servers;
    private readonly Channels _make;
    private readonly Lock _lock = new();
    private readonly Dictionary<ServerAddress, (GrpcChannel Channel, int Watches)> _channels = [];
    private bool _isDisposed;

    public WatchServers(ServerList servers, Channels channels)
    {
        (_servers, _make) = (servers, channels);
        servers.Changed += CloseUnused;
    }

    /// <summary>What all servers are called together.</summary>
    public Uri Name => _servers.Name;

    /// <summary>Why there is none.</summary>
    public string Failure => _servers.Failure ?? "there is no server";

    /// <summary>The server for a watch.</summary>
    /// <param name="last">Where it was; null: nowhere yet.</param>
    /// <param name="another">Whether it is to go to another one, if there is another.</param>
    /// <param name="cancellationToken">Ends the wait for the first look-up of their names.</param>
    /// <returns>Null: there is none.</returns>
    public async Task<ServerAddress?> ChooseAsync(ServerAddress? last, bool another, CancellationToken cancellationToken)
    {
        await _servers.BeginAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        var current = _servers.Current;
        var place = last is null ? -1 : current.ToList().IndexOf(last);
        return (place, another) switch
        {
            _ when current.Count == 0 => null,
            // Many watches of many clients spread over the servers.
            (-1, _) => current[Random.Shared.Next(current.Count)],
            (_, true) => current[(place + 1) % current.Count],
            _ => current[place],
        };
    }

    /// <summary>A server that fails may have gone for good.</summary>
    public void LookUpSoon() => _servers.LookUpSoon();

    /// <summary>A watch begins at a server; <see cref="Leave"/> ends it.</summary>
    public TweetCountsService.TweetCountsServiceClient Enter(ServerAddress server)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(TweetCountsClient));
            var (channel, watches) = _channels.TryGetValue(server, out var known) ? known : (_make.To(server), 0);
            _channels[server] = (channel, watches + 1);
            return new TweetCountsService.TweetCountsServiceClient(channel);
        }
    }

    /// <summary>A watch has ended at a server.</summary>
    public void Leave(ServerAddress server)
    {
        lock (_lock)
        {
            // Without one all are disposed.
            if (_channels.TryGetValue(server, out var known))
            {
                _channels[server] = (known.Channel, known.Watches - 1);
            }
        }

        CloseUnused();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        GrpcChannel[] channels;
        lock (_lock)
        {
            _isDisposed = true;
            channels = [.. _channels.Values.Select(known => known.Channel)];
            _channels.Clear();
        }

        // That ends watches, which leave.
        Array.ForEach(channels, channel => channel.Dispose());
    }

    private void CloseUnused()
    {
        lock (_lock)
        {
            var current = _servers.Current;
            foreach (var (server, (channel, watches)) in _channels)
            {
                if (watches == 0 && !current.Contains(server))
                {
                    _channels.Remove(server);
                    channel.Dispose();
                }
            }
        }
    }
}
