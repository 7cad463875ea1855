using System.Buffers;
using System.Text;
using CacheService.Api.Http;
using CacheService.Api.Messages;
using CacheService.Counts;
using CacheService.Watching;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.Tests.Api.Http;

internal sealed class EncodedEventTests
{
    private const string Epoch = "0123456789abcdef0123456789abcdef";
    private const string LaterEpoch = "fedcba9876543210fedcba9876543210";

    private static readonly CountsVersion Version = new(Epoch, ulong.MaxValue, 5, PgSnapshot.Parse("10:10:"), 0);

    [Test]
    public void Event_OfAnything_IsTheGeneratedMessageInProtobufsJson(
        [Values] bool isShared, [Values] bool isReset, [Values] bool isSynced, [Values] bool isTold, [Values(null, Epoch, LaterEpoch)] string? aheadIn, [Values(0, 1, 2, 2_000)] int size)
    {
        var random = new Random(size);
        var counts = Enumerable.Range(0, size - (size / 2)).Select(_ => new CountedMessage(Any(random), new MessageCounts(Any(random), Any(random), (ulong)Any(random)))).ToList();
        var content = new WatchContent(counts, [.. Enumerable.Range(0, size / 2).Select(_ => Any(random))]) { IsShared = isShared };
        var ahead = aheadIn is null ? null : Version with { Epoch = aheadIn, Revision = 7 };
        var id = (ahead, isTold) switch
        {
            (null, true) => $"id: {Epoch}:{ulong.MaxValue}\n",
            (null, false) => "",
            (_, true) when aheadIn == Epoch => $"id: {Epoch}:{ulong.MaxValue}:7\n",
            _ => $"id: {aheadIn}:0:7\n",
        };

        // Twice: what is shared is kept.
        foreach (var state in (FeedState[])[FeedState.Stale, FeedState.Live])
        {
            var reply = new WatchReply(new WatchBatch(null, content, ahead, size * 1000L, isReset, isSynced), isTold ? Version : null, ahead, TimeSpan.FromTicks(30_000_007), state);
            Assert.That(Written(output => EncodedEvent.Write(output, reply)), Is.EqualTo($"event: counts\n{id}data: {HttpCall.ToJson(WatchMessage.Of(reply))}\n\n"));
        }
    }

    [Test]
    public void Event_OfAnyAge_HasItAsProtobufWritesIt([Values(0, 1, 10, 10_000, 9_999_999, 10_000_000, 15_000_000, 10_000_010, 864_000_000_000_001)] long ticks)
    {
        var reply = new WatchReply(new WatchBatch(null, WatchContent.Empty), Version, null, TimeSpan.FromTicks(ticks), FeedState.Live);
        Assert.That(Written(output => EncodedEvent.Write(output, reply)), Does.EndWith($"data: {HttpCall.ToJson(WatchMessage.Of(reply))}\n\n"));
    }

    [Test]
    public void Comment_WithAVersion_HasItsId() =>
        Assert.That(
            Written(output => EncodedEvent.WriteComment(output, new WatchReply(new WatchBatch(null, WatchContent.Empty), Version, null, TimeSpan.Zero, FeedState.Live))),
            Is.EqualTo($": nothing new\nid: {Epoch}:{ulong.MaxValue}\n\n"));

    private static long Any(Random random) => random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);

    private static string Written(Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
