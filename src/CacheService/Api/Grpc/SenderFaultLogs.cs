using Google.Protobuf;

namespace CacheService.Api.Grpc;

/// <summary>
/// Keeps the faults of senders out of the log, which they could fill: gRPC logs an error with a stack trace, as of a handler that failed, where bytes are no
/// message or break off within one, and Kestrel that something critical has happened where a client floods a connection, which it then ends, and, with a stack
/// trace, where the headers on a connection cannot be read.
/// All else is logged as before, and our handlers' failures by <see cref="ErrorInterceptor"/>.
/// </summary>
internal sealed class SenderFaultLogs(LoggerFactory loggers) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName)
    {
        var logger = loggers.CreateLogger(categoryName);
        return categoryName is "Grpc.AspNetCore.Server.ServerCallHandler" or "Microsoft.AspNetCore.Server.Kestrel" or "Microsoft.AspNetCore.Server.Kestrel.Http2"
            ? new Logger(logger)
            : logger;
    }

    public void AddProvider(ILoggerProvider provider) => loggers.AddProvider(provider);

    public void Dispose() => loggers.Dispose();

    private sealed class Logger(ILogger logger) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => logger.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logger.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            logger.Log(IsSendersFault(eventId.Name, exception) ? LogLevel.Debug : logLevel, eventId, state, exception, formatter);

        private static bool IsSendersFault(string? eventName, Exception? exception) => eventName switch
        {
            "ErrorExecutingServiceMethod" => exception is InvalidProtocolBufferException or InvalidDataException or IOException,
            "Http2QueueOperationsExceeded" => true,
            // An index of HPACK that is out of range. The event has no name.
            null => exception is IndexOutOfRangeException or ArgumentOutOfRangeException,
            _ => false,
        };
    }
}
