using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Keeps the names of logged events, and calls <paramref name="onEvent"/> with each on the logging thread.</summary>
internal sealed class RecordingLogger(Action<string>? onEvent = null) : ILogger
{
    private readonly ConcurrentQueue<string> _events = new();

    public IReadOnlyCollection<string> Events => _events;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _events.Enqueue(eventId.Name ?? "");
        onEvent?.Invoke(eventId.Name ?? "");
    }
}
