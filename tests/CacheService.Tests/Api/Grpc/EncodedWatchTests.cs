using System.Buffers;
using CacheService.Api.Grpc.Serialization;
using CacheService.Api.Messages;
using CacheService.Counts;
using CacheService.Watching;
using Grpc.Core;
using TweetCounts.V1;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.Tests.Api.Grpc;

internal sealed class EncodedWatchTests
{
    private static readonly CountsVersion Version = new("0123456789abcdef0123456789abcdef", ulong.MaxValue, 5, PgSnapshot.Parse("10:10:"), 0);

    [Test]
    public void Reply_OfAnything_IsReadAsTheGeneratedMessage([Values] bool isShared, [Values] bool isReset, [Values] bool isSynced, [Values] bool isTold, [Values] bool isAhead, [Values(0, 1, 2_000)] int size)
    {
        var random = new Random(size);
        var counts = Enumerable.Range(0, size / 2).Select(_ => new CountedMessage(Any(random), new MessageCounts(Any(random), Any(random), (ulong)Any(random)))).ToList();
        var content = new WatchContent(counts, [.. Enumerable.Range(0, size - counts.Count).Select(_ => Any(random))]) { IsShared = isShared };
        var reply = new WatchReply(
            new WatchBatch(null, content, null, Coalesced: size * 1000L, isReset, isSynced), isTold ? Version : null, isAhead ? Version : null, TimeSpan.FromSeconds(3) + TimeSpan.FromTicks(7), FeedState.Stale);

        // Twice: what is shared is kept.
        foreach (var _ in (int[])[1, 2])
        {
            Assert.That(WatchCountsResponse.Parser.ParseFrom(Send(reply)), Is.EqualTo(WatchMessage.Of(reply)));
        }
    }

    private static long Any(Random random) => random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);

    private static byte[] Send(WatchReply reply)
    {
        var sent = new SentPayload();
        EncodedWatch.Send(reply, sent);
        Assert.That(sent.Bytes, Has.Length.EqualTo(sent.Announced));
        return sent.Bytes;
    }

    /// <summary>Keeps what is sent.</summary>
    private sealed class SentPayload : SerializationContext
    {
        private readonly ArrayBufferWriter<byte> _buffer = new();

        public int Announced { get; private set; }

        public byte[] Bytes => _buffer.WrittenSpan.ToArray();

        public override void SetPayloadLength(int payloadLength) => Announced = payloadLength;

        public override IBufferWriter<byte> GetBufferWriter() => _buffer;

        public override void Complete()
        {
        }
    }
}
