using System.Buffers.Binary;
using CacheService.Counts;

namespace CacheService.Feed.Postgres;

/// <summary>
/// Reads what <c>COPY … TO STDOUT (FORMAT binary)</c> sends of three bigint columns, a message's id, retweets and likes, and a boolean one, whether there is no such message: a header; rows, of a field count and, for
/// each field, its length and its value; and a trailer. Npgsql's own reader of it takes the better part of a load's time.
/// </summary>
internal sealed class CopiedCounts(CountsLoad load)
{
    private const int Fields = 4;
    private const int Numbers = 3;
    private const int FieldSize = sizeof(int) + sizeof(long);
    private const int FlagSize = sizeof(int) + sizeof(byte);
    private const int RowSize = sizeof(short) + (Numbers * FieldSize) + FlagSize;
    private const short Trailer = -1;

    // A signature; no flags, and no bytes of extension.
    private static ReadOnlySpan<byte> Header => [(byte)'P', (byte)'G', (byte)'C', (byte)'O', (byte)'P', (byte)'Y', (byte)'\n', 0xff, (byte)'\r', (byte)'\n', 0, 0, 0, 0, 0, 0, 0, 0, 0];

    private bool _hasHeader;

    /// <summary>Whether the trailer was there.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Takes the rows that are whole.</summary>
    /// <returns>How many bytes that were; the rest is to be given again, with more after it.</returns>
    /// <exception cref="FormatException">Something else was sent.</exception>
    public int Take(ReadOnlySpan<byte> bytes)
    {
        var rest = bytes;
        if (!_hasHeader)
        {
            if (!TrySkipHeader(ref rest))
            {
                return 0;
            }

            _hasHeader = true;
        }

        while (rest.Length >= RowSize)
        {
            Require(BinaryPrimitives.ReadInt16BigEndian(rest) == Fields);
            var (messageId, retweets, likes) = (Field(rest, 0), Field(rest, 1), Field(rest, 2));
            if (Flag(rest))
            {
                load.AddOrphan(messageId, retweets, likes);
            }
            else
            {
                load.Add(messageId, retweets, likes);
            }

            rest = rest[RowSize..];
        }

        if (rest.Length >= sizeof(short) && BinaryPrimitives.ReadInt16BigEndian(rest) == Trailer)
        {
            IsComplete = true;
            rest = rest[sizeof(short)..];
        }

        Require(!IsComplete || rest.IsEmpty);
        return bytes.Length - rest.Length;
    }

    private static bool TrySkipHeader(ref ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Header.Length)
        {
            return false;
        }

        Require(bytes.StartsWith(Header));
        bytes = bytes[Header.Length..];
        return true;
    }

    private static long Field(ReadOnlySpan<byte> row, int field)
    {
        var bytes = row.Slice(sizeof(short) + (field * FieldSize), FieldSize);
        Require(BinaryPrimitives.ReadInt32BigEndian(bytes) == sizeof(long));
        return BinaryPrimitives.ReadInt64BigEndian(bytes[sizeof(int)..]);
    }

    private static bool Flag(ReadOnlySpan<byte> row)
    {
        var bytes = row[(sizeof(short) + (Numbers * FieldSize))..];
        Require(BinaryPrimitives.ReadInt32BigEndian(bytes) == sizeof(byte));
        return bytes[sizeof(int)] != 0;
    }

    private static void Require(bool condition)
    {
        if (!condition)
        {
            throw new FormatException("The copy of all counts is not what was asked for.");
        }
    }
}
