using System.Buffers;
using CacheService.Api.Messages;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;
using CountsMessage = TweetCounts.V1.Counts;

namespace CacheService.Api.Grpc.Serialization;

/// <summary>
/// Encodes the answers of the reads that matter most straight from what the store says: a message object for each counter, and a second look at each for its size,
/// cost more than the reading.
/// </summary>
internal sealed class EncodedReplies(FeedStatus status)
{
    // Tag and length, and four numbers of ten bytes with their tags.
    private const int MaxCountsSize = 2 + (4 * 11);

    // Tag and length, and four fields: the longest is the epoch, 32 characters.
    private const int MaxFreshnessSize = 128;

    private const int MaxListHeaderSize = 6;

    /// <summary>A <see cref="GetCountsResponse"/>.</summary>
    public EncodedReply Counts(in CountsReading reading)
    {
        var memory = ArrayPool<byte>.Shared.Rent(MaxCountsSize + MaxFreshnessSize);
        var writer = new WireWriter(memory);
        Write(ref writer, GetCountsResponse.CountsFieldNumber, reading.MessageId, reading.Counts);
        Write(ref writer, GetCountsResponse.FreshnessFieldNumber, reading.Version);
        return new EncodedReply(memory, writer.Length);
    }

    /// <summary>A <see cref="BatchGetCountsResponse"/>.</summary>
    public EncodedReply Batch(in BatchReading reading)
    {
        var messageIds = reading.MessageIds;
        var counts = reading.Counts;
        var memory = ArrayPool<byte>.Shared.Rent((messageIds.Length * MaxCountsSize) + MaxListHeaderSize + MaxFreshnessSize);
        var writer = new WireWriter(memory);
        var missingSize = 0;
        for (var i = 0; i < messageIds.Length; i++)
        {
            if (counts[i] is { } found)
            {
                Write(ref writer, BatchGetCountsResponse.CountsFieldNumber, messageIds[i], found);
            }
            else
            {
                missingSize += WireWriter.SizeOf((ulong)messageIds[i]);
            }
        }

        if (missingSize > 0)
        {
            writer.Begin(BatchGetCountsResponse.MissingMessageIdsFieldNumber, missingSize);
            for (var i = 0; i < messageIds.Length; i++)
            {
                if (counts[i] is null)
                {
                    writer.Varint((ulong)messageIds[i]);
                }
            }
        }

        Write(ref writer, BatchGetCountsResponse.FreshnessFieldNumber, reading.Version);
        return new EncodedReply(memory, writer.Length);
    }

    private static void Write(ref WireWriter writer, int number, long messageId, in MessageCounts counts)
    {
        var start = writer.BeginShort(number);
        writer.Field(CountsMessage.MessageIdFieldNumber, messageId);
        writer.Field(CountsMessage.RetweetsFieldNumber, counts.Retweets);
        writer.Field(CountsMessage.LikesFieldNumber, counts.Likes);
        writer.Field(CountsMessage.RevisionFieldNumber, counts.Revision);
        writer.EndShort(start);
    }

    private void Write(ref WireWriter writer, int number, CountsVersion version)
    {
        var age = status.AgeOf(version);
        var start = writer.BeginShort(number);
        writer.Field(Freshness.EpochFieldNumber, version.Epoch);
        writer.Field(Freshness.RevisionFieldNumber, version.Revision);
        var duration = writer.BeginShort(Freshness.AgeFieldNumber);
        writer.Field(Duration.SecondsFieldNumber, age.Ticks / TimeSpan.TicksPerSecond);
        writer.Field(Duration.NanosFieldNumber, age.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
        writer.EndShort(duration);
        writer.Field(Freshness.StateFieldNumber, (long)FeedStates.Of(status.StateOf(age)));
        writer.EndShort(start);
    }
}
