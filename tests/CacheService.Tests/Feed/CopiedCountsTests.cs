using System.Buffers.Binary;
using CacheService.Counts;
using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class CopiedCountsTests
{
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xff, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] Trailer = [0xff, 0xff];

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(38)]
    [TestCase(1000)]
    public void Take_OfRowsInAnyPieces_LoadsThem(int pieceSize)
    {
        byte[] bytes = [.. Header, .. Row(1, 2, 3), .. Row(long.MaxValue, -4, long.MinValue), .. Trailer];
        var store = new CountsStore(10);
        var load = store.BeginLoad();
        var counts = new CopiedCounts(load.Add);
        var (taken, given) = (0, 0);
        while (given < bytes.Length)
        {
            Assert.That(counts.IsComplete, Is.False);
            given = Math.Min(given + pieceSize, bytes.Length);
            taken += counts.Take(bytes.AsSpan(taken..given));
        }

        Assert.That(counts.IsComplete);
        Assert.That(taken, Is.EqualTo(bytes.Length));
        store.Load(load, PgSnapshot.Parse("1:1:"), 0);
        Assert.That(store.ReadChangedAfter(0), Is.EquivalentTo(new[]
        {
            new CountedMessage(1, new MessageCounts(2, 3, 1)), new CountedMessage(long.MaxValue, new MessageCounts(-4, long.MinValue, 1)),
        }));
    }

    [TestCaseSource(nameof(Strange))]
    public void Take_OfSomethingElse_IsAFormatError(byte[] bytes) =>
        Assert.That(() => new CopiedCounts(new CountsStore(10).BeginLoad().Add).Take(bytes), Throws.TypeOf<FormatException>());

    private static IEnumerable<TestCaseData> Strange()
    {
        yield return new TestCaseData((byte[])[.. "PGCOPY\n"u8, 0xfe, .. Header[8..]]).SetArgDisplayNames("a broken signature");
        yield return new TestCaseData((byte[])[.. Header[..^1], 4, 1, 2, 3, 4]).SetArgDisplayNames("an extension");
        yield return new TestCaseData((byte[])[.. Header, 0, 4, .. Row(1, 2, 3)[2..]]).SetArgDisplayNames("four fields");
        yield return new TestCaseData((byte[])[.. Header, .. Row(1, 2, 3)[..^12], 0xff, 0xff, 0xff, 0xff, .. new byte[8]]).SetArgDisplayNames("a null");
        yield return new TestCaseData((byte[])[.. Header, .. Trailer, 0]).SetArgDisplayNames("more after the trailer");
    }

    private static byte[] Row(params long[] values)
    {
        var row = new byte[2 + (12 * values.Length)];
        BinaryPrimitives.WriteInt16BigEndian(row, (short)values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(row.AsSpan(2 + (12 * i)), 8);
            BinaryPrimitives.WriteInt64BigEndian(row.AsSpan(6 + (12 * i)), values[i]);
        }

        return row;
    }
}
