using Microsoft.AspNetCore.Connections;

namespace CacheService.Security;

/// <summary>
/// Lets go of connections that are closed, and whose calls do not end. Kestrel counts a connection until all its calls have ended; but where a client floods it
/// with calls and resets, what a call had to send can find no place in the connection's queue, and then that call waits for ever. Each such connection would
/// take one of the places that there are for connections.
/// </summary>
internal sealed partial class ClosedConnections(TimeProvider time, ILogger<ClosedConnections> logger)
{
    /// <summary>A call whose client has gone ends in a moment, also on a busy machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Serves a connection, until it ends or is let go of.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var serving = next(connection);
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (connection.ConnectionClosed.UnsafeRegister(static closed => ((TaskCompletionSource)closed!).TrySetResult(), closed))
        {
            await Task.WhenAny(serving, closed.Task);
        }

        try
        {
            await serving.WaitAsync(Patience, time);
        }
        catch (TimeoutException) when (!serving.IsCompleted)
        {
            LogLetGo(logger, connection.ConnectionId);
        }
    }

    // Not more, because a client could fill the log with it.
    [LoggerMessage(EventId = 3010, EventName = "ConnectionLetGo", Level = LogLevel.Debug, Message = "Connection {ConnectionId} is closed, but not all of its calls have ended; it is let go of.")]
    private static partial void LogLetGo(ILogger logger, string connectionId);
}
