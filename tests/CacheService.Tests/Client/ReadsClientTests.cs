using CacheService.Client;
using CacheService.Client.Connections;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.Tests.Client;

/// <summary>Answers of many counts, which the library takes apart without the generated messages.</summary>
internal sealed class ReadsClientTests
{
    private readonly Random _random = new(1964);

    [Test]
    public void Read_AnyAnswer_SaysWhatTheGeneratedMessageSays()
    {
        for (var i = 0; i < 1_000; i++)
        {
            var sent = AnyAnswer();
            var answer = ReadsClient.Read(sent.ToByteArray());

            Assert.That(answer.Found, Is.EqualTo(sent.Counts.Select(counts => new MessageCounts(counts.MessageId, counts.Retweets, counts.Likes, counts.Revision))));
            Assert.That(answer.MissingMessageIds, Is.EqualTo(sent.MissingMessageIds));
            Assert.That(answer.Freshness, Is.EqualTo(Wire.Of(sent.Freshness)));
        }
    }

    [Test]
    public void Read_FieldsOfALaterServer_ArePassedOver()
    {
        var sent = new BatchGetCountsResponse { Counts = { AnyCounts(), AnyCounts() }, MissingMessageIds = { 7, 8 } };
        // Fields 15 of each type; and an id of the list by itself.
        byte[] more = [(15 << 3) | 0, 0xff, 0x01, (15 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8, (15 << 3) | 2, 2, 9, 9, (15 << 3) | 5, 1, 2, 3, 4, (2 << 3) | 0, 9];
        var answer = ReadsClient.Read([.. more, .. sent.ToByteArray(), .. more]);
        Assert.That((answer.Found.Count, string.Join(' ', answer.MissingMessageIds)), Is.EqualTo((2, "9 7 8 9")));
    }

    [Test]
    public void Read_AnswersThatBreakOffOrAreNone_AreRefusedOrRead()
    {
        var whole = new BatchGetCountsResponse { Counts = { AnyCounts() }, MissingMessageIds = { long.MaxValue }, Freshness = new TweetCounts.V1.Freshness { Epoch = "a" } }.ToByteArray();
        Assert.Throws<InvalidDataException>(() => ReadsClient.Read(whole.AsSpan(0, whole.Length - 1)));
        for (var i = 0; i < 10_000; i++)
        {
            var bytes = whole.ToArray();
            bytes[_random.Next(bytes.Length)] = (byte)_random.Next(256);
            try
            {
                ReadsClient.Read(bytes.AsSpan(0, _random.Next(bytes.Length + 1)));
            }
            catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or OverflowException)
            {
                // What a call turns into an error.
            }
        }
    }

    private BatchGetCountsResponse AnyAnswer()
    {
        var answer = new BatchGetCountsResponse();
        answer.Counts.AddRange(Enumerable.Range(0, _random.Next(5)).Select(_ => AnyCounts()));
        answer.MissingMessageIds.AddRange(Enumerable.Range(0, _random.Next(5)).Select(_ => AnyNumber()));
        answer.Freshness = _random.Next(2) == 0 ? null : new TweetCounts.V1.Freshness { Epoch = "a", Revision = (ulong)AnyNumber(), Age = new Duration { Nanos = 5 }, State = TweetCounts.V1.FeedState.Live };
        return answer;
    }

    private TweetCounts.V1.Counts AnyCounts() => new() { MessageId = AnyNumber(), Retweets = AnyNumber(), Likes = AnyNumber(), Revision = (ulong)AnyNumber() };

    // Of any length, negative and zero too.
    private long AnyNumber() => (_random.Next(2) == 0 ? -1 : 1) * (_random.NextInt64() >> _random.Next(64));
}
