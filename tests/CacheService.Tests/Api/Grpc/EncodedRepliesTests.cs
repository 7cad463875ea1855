using CacheService.Api.Grpc.Serialization;
using CacheService.Api.Messages;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using CacheService.Tests.Feed;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Time.Testing;
using TweetCounts.V1;
using CountsMessage = TweetCounts.V1.Counts;
using FeedState = TweetCounts.V1.FeedState;

namespace CacheService.Tests.Api.Grpc;

internal sealed class EncodedRepliesTests
{
    // Where a number takes another byte, or is left out.
    private static readonly long[] Numbers =
        [0, 1, -1, long.MinValue, long.MaxValue, .. Enumerable.Range(1, 9).SelectMany(bytes => new[] { (1L << (7 * bytes)) - 1, 1L << (7 * bytes), -(1L << (7 * bytes)) })];

    private static readonly TimeSpan[] Ages =
        [TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.FromMilliseconds(3), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1), TimeSpan.FromDays(200) + TimeSpan.FromTicks(7)];

    private FakeTimeProvider _time = null!;
    private FeedStatus _status = null!;
    private EncodedReplies _replies = null!;

    [SetUp]
    public void SetUp()
    {
        _time = new FakeTimeProvider();
        _status = FeedParts.Live(_time);
        _replies = new EncodedReplies(_status);
    }

    [Test]
    public void Counts_AnyNumbers_AreEncodedAsTheGeneratedMessage()
    {
        foreach (var number in Numbers)
        {
            foreach (var other in Numbers)
            {
                var version = Version(revision: (ulong)number);
                var counts = new MessageCounts(number, other, (ulong)other);

                var expected = new GetCountsResponse { Counts = Message(other, counts), Freshness = Freshness(version, TimeSpan.Zero) };
                Assert.That(_replies.Counts(new CountsReading(other, counts, version)).Bytes.ToArray(), Is.EqualTo(expected.ToByteArray()), $"{number}, {other}");
            }
        }
    }

    [Test]
    public void Counts_AnyAge_AreEncodedAsTheGeneratedMessage()
    {
        var version = Version(revision: 7);
        var before = TimeSpan.Zero;
        foreach (var age in Ages.Order())
        {
            _time.Advance(age - before);
            before = age;

            var expected = new GetCountsResponse { Counts = Message(5, default), Freshness = Freshness(version, age) };
            Assert.That(_replies.Counts(new CountsReading(5, default, version)).Bytes.ToArray(), Is.EqualTo(expected.ToByteArray()), $"{age}");
        }
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(10)]
    [TestCase(10_000)]
    public void Batch_FoundAndMissing_AreEncodedAsTheGeneratedMessage(int size)
    {
        var random = new Random(size);
        var version = Version(revision: 300);
        foreach (var part in (double[])[0, 0.5, 1])
        {
            var messageIds = new long[size];
            var counts = new MessageCounts?[size + 3];
            var expected = new BatchGetCountsResponse { Freshness = Freshness(version, TimeSpan.Zero) };
            for (var i = 0; i < size; i++)
            {
                messageIds[i] = random.NextInt64() >> random.Next(63);
                if (random.NextDouble() < part)
                {
                    var found = new MessageCounts(random.GetItems(Numbers, 1)[0], random.GetItems(Numbers, 1)[0], (ulong)random.GetItems(Numbers, 1)[0]);
                    counts[i] = found;
                    expected.Counts.Add(Message(messageIds[i], found));
                }
                else
                {
                    expected.MissingMessageIds.Add(messageIds[i]);
                }
            }

            Assert.That(_replies.Batch(new BatchReading(messageIds, counts, version)).Bytes.SequenceEqual(expected.ToByteArray()), $"{part:P0} found");
        }
    }

    private CountsVersion Version(ulong revision) => new(Guid.NewGuid().ToString("N"), revision, 1, PgSnapshot.Parse("1:1:"), _time.GetTimestamp());

    private static CountsMessage Message(long messageId, MessageCounts counts) => Replies.Counts(messageId, counts);

    private static Freshness Freshness(CountsVersion version, TimeSpan age) => new()
    {
        Epoch = version.Epoch,
        Revision = version.Revision,
        Age = age.ToDuration(),
        State = age <= new FeedOptions().StaleAfter ? FeedState.Live : FeedState.Stale,
    };
}
