using CacheService.Tool.Database;
using CacheService.Tool.Output;
using Npgsql;

namespace CacheService.Tool.Simulation;

/// <summary>Tells once for all clients that the database takes no writes, and that it does again.</summary>
internal sealed class Outage(TimeProvider time, Action<string> tell)
{
    private readonly Lock _lock = new();
    private long? _began;
    private int _count;

    public bool IsOn
    {
        get
        {
            lock (_lock)
                return _began is not null;
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
                return _count;
        }
    }

    public void Report(NpgsqlException cause)
    {
        lock (_lock)
        {
            if (_began is not null)
                return;
            _began = time.GetTimestamp();
            _count++;
            tell($"the database takes no writes, trying again until it does: {PlainText.OneLine(DatabaseAdvice.Cause(cause))}");
        }
    }

    public void ReportEnd()
    {
        lock (_lock)
        {
            if (_began is not { } began)
                return;
            _began = null;
            tell($"the database takes writes again, after {Durations.Format(time.GetElapsedTime(began))}");
        }
    }
}
