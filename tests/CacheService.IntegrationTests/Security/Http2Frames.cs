using System.Buffers.Binary;
using System.Text;

namespace CacheService.IntegrationTests.Security;

/// <summary>HTTP/2 as bytes, right and wrong.</summary>
internal static class Http2Frames
{
    public const byte Data = 0;
    public const byte HeadersType = 1;
    public const byte ResetType = 3;
    public const byte SettingsType = 4;
    public const byte PingType = 6;
    public const byte GoAwayType = 7;
    public const byte WindowUpdateType = 8;
    public const byte ContinuationType = 9;

    public const byte EndStream = 1;
    public const byte Ack = 1;
    public const byte EndHeaders = 4;

    /// <summary>What a client sends first, with empty settings.</summary>
    public static byte[] Preface { get; } = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(SettingsType, 0, 0, [])];

    /// <param name="type">The type of the frame.</param>
    /// <param name="flags">Its flags.</param>
    /// <param name="stream">Its stream.</param>
    /// <param name="payload">What it carries.</param>
    /// <param name="length">The length that it claims; the right one if not given.</param>
    public static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload, int? length = null)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, (length ?? payload.Length) << 8);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <summary>The headers of a gRPC call.</summary>
    public static byte[] Call(int stream, string path, params (string Name, string Value)[] more) => Frame(HeadersType, EndHeaders, stream, Block(
        [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "counts"), ("content-type", "application/grpc"), ("te", "trailers"), .. more]));

    /// <summary>Headers in HPACK: each literal, none indexed.</summary>
    public static byte[] Block(params (string Name, string Value)[] headers)
    {
        var block = new List<byte>();
        foreach (var (name, value) in headers)
        {
            block.Add(0);
            AddText(name);
            AddText(value);
        }

        return [.. block];

        void AddText(string text)
        {
            const int Most = 127;
            var rest = text.Length - Most;
            block.Add((byte)Math.Min(text.Length, Most));
            for (; rest >= 128; rest >>= 7)
            {
                block.Add((byte)(rest & 127 | 128));
            }

            if (text.Length >= Most)
            {
                block.Add((byte)rest);
            }

            block.AddRange(Encoding.ASCII.GetBytes(text));
        }
    }

    /// <summary>A message as gRPC frames it.</summary>
    /// <param name="message">Its bytes.</param>
    /// <param name="flag">Whether it is compressed, 0 or 1.</param>
    /// <param name="length">The length that it claims; the right one if not given.</param>
    public static byte[] Message(ReadOnlySpan<byte> message, byte flag = 0, uint? length = null)
    {
        var framed = new byte[5 + message.Length];
        framed[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(framed.AsSpan(1), length ?? (uint)message.Length);
        message.CopyTo(framed.AsSpan(5));
        return framed;
    }
}
