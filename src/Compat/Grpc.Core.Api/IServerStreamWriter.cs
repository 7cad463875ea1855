namespace Grpc.Core;

/// <summary>Writes a server's stream of responses; it ends when the handler returns.</summary>
/// <typeparam name="T">The response.</typeparam>
public interface IServerStreamWriter<in T> : IAsyncStreamWriter<T>
{
}
