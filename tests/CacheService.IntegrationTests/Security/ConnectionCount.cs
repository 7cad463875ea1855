using System.Diagnostics.Metrics;

namespace CacheService.IntegrationTests.Security;

/// <summary>How many connections Kestrel has at a port.</summary>
internal sealed class ConnectionCount : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Dictionary<int, long> _open = [];

    public ConnectionCount()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "kestrel.active_connections")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, change, tags, _) => Add(change, tags));
        _listener.Start();
    }

    public int Port { get; set; }

    public long Highest { get; private set; }

    public long Value
    {
        get
        {
            lock (_open)
            {
                return _open.GetValueOrDefault(Port);
            }
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Add(long change, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var (name, value) in tags)
        {
            if (name == "server.port" && value is int port)
            {
                lock (_open)
                {
                    _open[port] = _open.GetValueOrDefault(port) + change;
                    Highest = Math.Max(Highest, port == Port ? _open[port] : 0);
                }
            }
        }
    }
}
