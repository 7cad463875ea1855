using System.Buffers;
using Grpc.Core;

namespace CacheService.Benchmarks;

/// <summary>Where an answer is sent to: memory, used again for the next.</summary>
internal sealed class Answer(int maxLength) : SerializationContext
{
    private readonly ArrayBufferWriter<byte> _memory = new(maxLength);

    /// <summary>The last answer's.</summary>
    public int Length { get; private set; }

    public override void SetPayloadLength(int payloadLength) => Length = payloadLength;

    public override IBufferWriter<byte> GetBufferWriter() => _memory;

    public override void Complete() => _memory.ResetWrittenCount();
}
