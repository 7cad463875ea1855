using System.Buffers.Binary;
using CacheService.Counts;
using CacheService.Feed.Postgres;

namespace CacheService.Tests.Feed;

internal sealed class CopiedCountsTests
{
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xff, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] Trailer = [0xff, 0xff];

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(43)]
    [TestCase(1000)]
    public void Take_OfRowsInAnyPieces_LoadsThem(int pieceSize)
    {
        byte[] bytes = [.. Header, .. Row(1, 2, 3), .. Row(long.MaxValue, -4, long.MinValue), .. Row(7, 8, 9, isOrphan: true), .. Trailer];
        var store = new CountsStore(10);
        var load = store.BeginLoad(keepsOrphans: true);
        var counts = new CopiedCounts(load);
        var (taken, given) = (0, 0);
        while (given < bytes.Length)
        {
            Assert.That(counts.IsComplete, Is.False);
            given = Math.Min(given + pieceSize, bytes.Length);
            taken += counts.Take(bytes.AsSpan(taken..given));
        }

        Assert.That(counts.IsComplete);
        Assert.That(taken, Is.EqualTo(bytes.Length));
        Assert.That(load.Orphans, Is.EqualTo(new Dictionary<long, (long, long)> { [7] = (8, 9) }));
        store.Load(load, PgSnapshot.Parse("1:1:"), 0);
        Assert.That(store.ReadChangedAfter(0), Is.EquivalentTo(new[]
        {
            new CountedMessage(1, new MessageCounts(2, 3, 1)), new CountedMessage(long.MaxValue, new MessageCounts(-4, long.MinValue, 1)),
        }));
    }

    [TestCaseSource(nameof(Strange))]
    public void Take_OfSomethingElse_IsAFormatError(byte[] bytes) =>
        Assert.That(() => new CopiedCounts(new CountsStore(10).BeginLoad()).Take(bytes), Throws.TypeOf<FormatException>());

    private static IEnumerable<TestCaseData> Strange()
    {
        yield return new TestCaseData((byte[])[.. "PGCOPY\n"u8, 0xfe, .. Header[8..]]).SetArgDisplayNames("a broken signature");
        yield return new TestCaseData((byte[])[.. Header[..^1], 4, 1, 2, 3, 4]).SetArgDisplayNames("an extension");
        yield return new TestCaseData((byte[])[.. Header, 0, 5, .. Row(1, 2, 3)[2..]]).SetArgDisplayNames("five fields");
        yield return new TestCaseData((byte[])[.. Header, .. Row(1, 2, 3)[..^17], 0xff, 0xff, 0xff, 0xff, .. new byte[13]]).SetArgDisplayNames("a null");
        yield return new TestCaseData((byte[])[.. Header, .. Row(1, 2, 3)[..^5], 0xff, 0xff, 0xff, 0xff, 0]).SetArgDisplayNames("a null for the boolean");
        yield return new TestCaseData((byte[])[.. Header, .. Trailer, 0]).SetArgDisplayNames("more after the trailer");
    }

    private static byte[] Row(long messageId, long retweets, long likes, bool isOrphan = false)
    {
        long[] values = [messageId, retweets, likes];
        var row = new byte[2 + (12 * values.Length) + 5];
        BinaryPrimitives.WriteInt16BigEndian(row, 4);
        (row[^2], row[^1]) = (1, isOrphan ? (byte)1 : (byte)0);
        for (var i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(row.AsSpan(2 + (12 * i)), 8);
            BinaryPrimitives.WriteInt64BigEndian(row.AsSpan(6 + (12 * i)), values[i]);
        }

        return row;
    }
}
