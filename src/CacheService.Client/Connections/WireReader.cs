namespace CacheService.Client.Connections;

/// <summary>
/// Reads a message in the encoding of Protocol Buffers field by field: for answers with many counts, of which a generated message makes an object each. A message that breaks off
/// within a field is refused.
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> message)
{
    private const int BitsOfAByte = 7;
    private const int More = 1 << BitsOfAByte;
    private const int BitsOfANumber = 64;
    private const int TypeBits = 3;
    private const int TypeMask = (1 << TypeBits) - 1;

    private ReadOnlySpan<byte> _rest = message;

    /// <summary>How a field is encoded.</summary>
    private enum WireType
    {
        Varint = 0,
        Fixed64 = 1,
        Length = 2,
        Fixed32 = 5,
    }

    /// <summary>Whether nothing is left.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>What the field begins with whose value is to be read or skipped; 0 at the end.</summary>
    public int Tag { get; private set; }

    /// <summary>What a number's field begins with.</summary>
    public static int TagOfNumber(int field) => (field << TypeBits) | (int)WireType.Varint;

    /// <summary>What the field of a message, a text or a list begins with.</summary>
    public static int TagOfLength(int field) => (field << TypeBits) | (int)WireType.Length;

    /// <summary>Whether there is another field.</summary>
    public bool Next()
    {
        Tag = _rest.IsEmpty ? 0 : checked((int)Number());
        return Tag != 0;
    }

    /// <summary>A number.</summary>
    public ulong Number()
    {
        var value = 0ul;
        for (var (i, shift) = (0, 0); i < _rest.Length && shift < BitsOfANumber; i++, shift += BitsOfAByte)
        {
            var next = _rest[i];
            value |= (ulong)(next & (More - 1)) << shift;
            if (next < More)
            {
                _rest = _rest[(i + 1)..];
                return value;
            }
        }

        throw new InvalidDataException("The answer breaks off within a number.");
    }

    /// <summary>The bytes of a message, a text or a list.</summary>
    public ReadOnlySpan<byte> Bytes() => Take(Number());

    /// <summary>Passes over the value of a field that is not known.</summary>
    public void Skip()
    {
        switch ((WireType)(Tag & TypeMask))
        {
            case WireType.Varint:
                Number();
                break;
            case WireType.Fixed64:
                Take(sizeof(ulong));
                break;
            case WireType.Length:
                Bytes();
                break;
            case WireType.Fixed32:
                Take(sizeof(uint));
                break;
            default:
                throw new InvalidDataException("The answer has a field of an unknown type.");
        }
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length)
        {
            throw new InvalidDataException("The answer breaks off within a field.");
        }

        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }
}
