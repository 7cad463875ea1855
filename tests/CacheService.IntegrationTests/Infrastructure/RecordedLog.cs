using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Keeps what the service logs, for tests that assert on events, and for all others, which end in an error if it logged one.</summary>
internal sealed class RecordedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<LogEntry> _entries = new();

    public IReadOnlyCollection<LogEntry> Entries => _entries;

    /// <summary>
    /// Warnings and errors. Where the machine has stalled for more than a second, without the warnings of Kestrel's heartbeat, the feed
    /// and audits, which tell of that.
    /// </summary>
    public IEnumerable<LogEntry> WarningsOn(MachineLag lag) => _entries.Where(entry => entry.Level > LogLevel.Warning
        || (entry.Level == LogLevel.Warning && (lag.Longest < TimeSpan.FromSeconds(1) || !TellsOfStalls(entry))));

    public bool Has(string eventName) => _entries.Any(entry => entry.EventName == eventName);

    public int Count(string eventName) => _entries.Count(entry => entry.EventName == eventName);

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, _entries);

    public void Dispose()
    {
    }

    private static bool TellsOfStalls(LogEntry entry) =>
        entry.EventName is "HeartbeatSlow" or "AuditGivenUp" || entry.Category.StartsWith("CacheService.Feed.", StringComparison.Ordinal);

    internal sealed record LogEntry(string Category, LogLevel Level, string? EventName, string Message, Exception? Exception)
    {
        public override string ToString() => $"{Level} {Category} {EventName}: {Message} {Exception}";
    }

    private sealed class Logger(string category, ConcurrentQueue<LogEntry> entries) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            entries.Enqueue(new LogEntry(category, logLevel, eventId.Name, formatter(state, exception), exception));
    }
}
