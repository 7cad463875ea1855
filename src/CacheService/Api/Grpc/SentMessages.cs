using Google.Protobuf;
using Grpc.Core;

namespace CacheService.Api.Grpc;

/// <summary>
/// What a client sends on a stream. What goes wrong with it is the client's error, and told as such. It ends when the service stops: a client that keeps its
/// stream open must not hold up a shutdown.
/// </summary>
internal sealed class SentMessages<T>(IAsyncStreamReader<T> messages, CancellationToken stopping) : IAsyncStreamReader<T>
{
    public T Current => messages.Current;

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        using var ended = cancellationToken.CanBeCanceled ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping) : null;
        try
        {
            return await messages.MoveNext(ended?.Token ?? stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The server is shutting down."));
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"the message cannot be read: {e.Message}"));
        }
        catch (IOException)
        {
            // Reset or cut off; the call's token may say so only later.
            throw new RpcException(new Status(StatusCode.Cancelled, "the call was cancelled"));
        }
    }
}
