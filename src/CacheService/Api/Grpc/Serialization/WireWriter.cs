using System.Numerics;
using System.Text;

namespace CacheService.Api.Grpc.Serialization;

/// <summary>
/// Writes fields of a message in the encoding of Protocol Buffers into memory that is large enough. As there, a field of the value 0 is left out.
/// </summary>
internal ref struct WireWriter(Span<byte> memory)
{
    private const int VarintBits = 7;
    private const int MaxOfOneByte = (1 << VarintBits) - 1;
    private const int VarintType = 0;
    private const int LengthType = 2;

    private readonly Span<byte> _memory = memory;

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>What has been written.</summary>
    public readonly ReadOnlySpan<byte> Written => _memory[..Length];

    /// <summary>How many bytes a number takes.</summary>
    public static int SizeOf(ulong value) => (BitOperations.Log2(value | 1) / VarintBits) + 1;

    /// <summary>A field of the type int64, int32 or enum. A negative number takes ten bytes.</summary>
    public void Field(int number, long value) => Field(number, (ulong)value);

    /// <summary>A field of the type uint64.</summary>
    public void Field(int number, ulong value)
    {
        if (value != 0)
        {
            Tag(number, VarintType);
            Varint(value);
        }
    }

    /// <summary>A string of less than 128 bytes.</summary>
    public void Field(int number, string value)
    {
        var start = BeginShort(number);
        Length += Encoding.UTF8.GetBytes(value, _memory[Length..]);
        EndShort(start);
    }

    /// <summary>The beginning of a field, a message or a list, that takes so many bytes.</summary>
    public void Begin(int number, int length)
    {
        Tag(number, LengthType);
        Varint((ulong)length);
    }

    /// <summary>Begins a field, a message or a text, that takes less than 128 bytes.</summary>
    /// <returns>What <see cref="EndShort"/> asks for.</returns>
    public int BeginShort(int number)
    {
        Tag(number, LengthType);
        return ++Length;
    }

    /// <summary>Ends what <see cref="BeginShort"/> began.</summary>
    public void EndShort(int start)
    {
        var length = Length - start;
        _memory[start - 1] = length <= MaxOfOneByte ? (byte)length : throw new InvalidOperationException($"{length} bytes are more than one byte can count.");
    }

    /// <summary>A number without its field, as in lists.</summary>
    public void Varint(ulong value)
    {
        while (value > MaxOfOneByte)
        {
            _memory[Length++] = (byte)(value | (MaxOfOneByte + 1));
            value >>= VarintBits;
        }

        _memory[Length++] = (byte)value;
    }

    private void Tag(int number, int type) => _memory[Length++] = (byte)((number << 3) | type);
}
