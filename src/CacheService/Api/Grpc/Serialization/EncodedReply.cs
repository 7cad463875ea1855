using System.Buffers;
using Google.Protobuf;
using Grpc.Core;

namespace CacheService.Api.Grpc.Serialization;

/// <summary>
/// An answer as it goes over the wire, in an array of the shared pool, which gets it back once it has been sent. One that is never sent, because its caller has gone,
/// is left to the garbage collector.
/// </summary>
internal sealed class EncodedReply(byte[] pooled, int length)
{
    /// <summary>Sends replies.</summary>
    public static Marshaller<EncodedReply> Marshaller { get; } = Marshallers.Create<EncodedReply>(
        static (reply, context) => reply.Send(context),
        static _ => throw new NotSupportedException("Replies are only sent."));

    /// <summary>A message that was made as such, where that does not matter.</summary>
    public static EncodedReply Of(IMessage message)
    {
        var length = message.CalculateSize();
        var memory = ArrayPool<byte>.Shared.Rent(length);
        message.WriteTo(memory.AsSpan(0, length));
        return new EncodedReply(memory, length);
    }

    /// <summary>The encoded message, until it has been sent.</summary>
    public ReadOnlySpan<byte> Bytes => pooled.AsSpan(0, length);

    private void Send(SerializationContext context)
    {
        context.SetPayloadLength(length);
        context.GetBufferWriter().Write(Bytes);
        context.Complete();
        ArrayPool<byte>.Shared.Return(pooled);
    }
}
