namespace CacheService.Client.Connections;

/// <summary>
/// Spreads reads over several connections to each server when many are under way: what is sent and received on one connection goes through one
/// thread at a time, at either end. With two processors and 64 reads under way two connections do a quarter to a third more. Few reads stay together
/// on the first.
/// </summary>
internal sealed class ReadConnections : IDisposable
{
    /// <summary>Below that, another connection is of no use.</summary>
    private const int FewCalls = 16;

    private const int Most = 4;

    private readonly ReadConnection[] _connections;

    public ReadConnections(Channels channels, int processors) =>
        _connections = [.. Enumerable.Range(0, Math.Min(processors, Most)).Select(_ => new ReadConnection(channels.ToAll()))];

    /// <summary>The connection for the next call: the first with few calls, else the one with the fewest.</summary>
    public ReadConnection Choose()
    {
        var fewest = _connections[0];
        foreach (var connection in _connections)
        {
            if (connection.Calls < FewCalls)
            {
                return connection;
            }

            if (connection.Calls < fewest.Calls)
            {
                fewest = connection;
            }
        }

        return fewest;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var connection in _connections)
        {
            connection.Dispose();
        }
    }
}
