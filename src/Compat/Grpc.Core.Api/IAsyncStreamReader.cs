namespace Grpc.Core;

/// <summary>Reads a stream of messages, one reader at a time.</summary>
/// <typeparam name="T">The message.</typeparam>
public interface IAsyncStreamReader<out T>
{
    /// <summary>The message that <see cref="MoveNext"/> arrived at.</summary>
    T Current { get; }

    /// <summary>Moves to the next message; false at the end of the stream.</summary>
    Task<bool> MoveNext(CancellationToken cancellationToken);
}
