using Google.Protobuf;

namespace CacheService.Grpc;

/// <summary>
/// Keeps the faults of senders out of the log. gRPC logs an error with a stack trace, as of a handler that failed, where bytes are no message or the
/// stream breaks off within one; that would give a sender the log to fill. All other errors are logged as before, and our handlers' own by <see cref="ErrorInterceptor"/>.
/// </summary>
internal sealed class SenderFaultLogs(LoggerFactory loggers) : ILoggerFactory
{
    private const string CallHandlers = "Grpc.AspNetCore.Server.ServerCallHandler";

    public ILogger CreateLogger(string categoryName) =>
        categoryName == CallHandlers ? new CallHandlerLogger(loggers.CreateLogger(categoryName)) : loggers.CreateLogger(categoryName);

    public void AddProvider(ILoggerProvider provider) => loggers.AddProvider(provider);

    public void Dispose() => loggers.Dispose();

    private sealed class CallHandlerLogger(ILogger logger) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => logger.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logger.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var isSendersFault = exception is InvalidProtocolBufferException or InvalidDataException or IOException;
            logger.Log(isSendersFault && logLevel == LogLevel.Error ? LogLevel.Debug : logLevel, eventId, state, exception, formatter);
        }
    }
}
