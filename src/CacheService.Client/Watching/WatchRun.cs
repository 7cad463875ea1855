using System.Runtime.CompilerServices;
using CacheService.Client.Connections;
using Microsoft.Extensions.Logging;

namespace CacheService.Client.Watching;

/// <summary>A watch over as many connections as it takes.</summary>
internal sealed class WatchRun(WatchServers servers, WatchOptions options, TweetCountsClientOptions settings, TimeProvider time, ILogger logger)
{
    private readonly TimeSpan _heartbeat = options.Heartbeat ?? settings.WatchHeartbeat;
    private readonly RetryPauses _pauses = new(settings.MaxBackoff);
    private readonly WatchProgress _progress = new();

    // Many watches of many clients spread over the servers.
    private int _server = Random.Shared.Next(servers.Count);

    public async IAsyncEnumerable<WatchUpdate> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var address = servers.Address(_server);
            _progress.Begin();
            WatchBreak broken;
            using (var connection = new WatchConnection(servers.Client(_server), options, _heartbeat, _progress.Resume, time, cancellationToken))
            {
                var connected = false;
                while (await connection.ReadAsync().ConfigureAwait(false) is { } message)
                {
                    if (!connected)
                    {
                        connected = true;
                        yield return new WatchUpdate.Connected(address);
                    }

                    foreach (var update in _progress.Apply(message))
                    {
                        yield return update;
                    }
                }

                broken = connection.Break!;
            }

            if (_progress.Synced)
            {
                _pauses.Reset();
            }

            // The same server first, for it alone can resume; another where this one is silent, or has failed twice.
            if (broken.Silent || !_progress.Synced)
            {
                _server = (_server + 1) % servers.Count;
            }

            var pause = _pauses.Next();
            logger.WatchBroken(address, broken.Status, broken.Reason, pause);
            yield return new WatchUpdate.Disconnected(broken.Status, broken.Reason, pause);
            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
        }
    }
}
