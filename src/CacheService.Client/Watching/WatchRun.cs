using System.Runtime.CompilerServices;
using CacheService.Client.Connections;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace CacheService.Client.Watching;

/// <summary>A watch over as many connections as it takes.</summary>
internal sealed class WatchRun(WatchServers servers, WatchOptions options, TweetCountsClientOptions settings, TimeProvider time, ILogger logger)
{
    private readonly TimeSpan _heartbeat = options.Heartbeat ?? settings.WatchHeartbeat;
    private readonly RetryPauses _pauses = new(settings.MaxBackoff);
    private readonly WatchProgress _progress = new();

    private ServerAddress? _server;
    private bool _goesElsewhere;

    public async IAsyncEnumerable<WatchUpdate> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _server = await servers.ChooseAsync(_server, _goesElsewhere, cancellationToken).ConfigureAwait(false);
            _progress.Begin();
            var broken = new WatchBreak(StatusCode.Unavailable, servers.Failure);
            if (_server is not null)
            {
                using var connection = new WatchConnection(servers, _server, options, _heartbeat, _progress, time, cancellationToken);
                var connected = false;
                while (await connection.ReadAsync().ConfigureAwait(false) is { } message)
                {
                    if (!connected)
                    {
                        connected = true;
                        yield return new WatchUpdate.Connected(_server.Address);
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

            // The same server first, because not every other one can resume; another where this one is silent, or has failed twice.
            _goesElsewhere = broken.Silent || !_progress.Synced;
            servers.LookUpSoon();
            var pause = _pauses.Next();
            logger.WatchBroken(_server?.Address ?? servers.Name, broken.Status, broken.Reason, pause);
            yield return new WatchUpdate.Disconnected(broken.Status, broken.Reason, pause);
            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
        }
    }
}
