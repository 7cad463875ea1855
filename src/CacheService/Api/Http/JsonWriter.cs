using System.Globalization;
using System.Numerics;

namespace CacheService.Api.Http;

/// <summary>Writes JSON, and what is around it, as text in UTF-8 into memory that is large enough.</summary>
internal ref struct JsonWriter(Span<byte> memory)
{
    /// <summary>The most characters of a number of 64 bits.</summary>
    public const int MaxNumberSize = 20;

    private readonly Span<byte> _memory = memory;

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>What has been written.</summary>
    public readonly ReadOnlySpan<byte> Written => _memory[..Length];

    public void Text(ReadOnlySpan<byte> utf8)
    {
        utf8.CopyTo(_memory[Length..]);
        Length += utf8.Length;
    }

    /// <summary>What needs no escapes.</summary>
    public void Ascii(string text)
    {
        foreach (var character in text)
        {
            _memory[Length++] = (byte)character;
        }
    }

    /// <summary>A number in decimal digits.</summary>
    /// <param name="value">The number.</param>
    /// <param name="format">How many digits at least, as in D9.</param>
    public void Number<T>(T value, ReadOnlySpan<char> format = default)
        where T : struct, IBinaryInteger<T>
    {
        value.TryFormat(_memory[Length..], out var written, format, CultureInfo.InvariantCulture);
        Length += written;
    }

    public void Flag(bool value) => Text(value ? "true"u8 : "false"u8);
}
