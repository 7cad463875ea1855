using System.Buffers;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using TweetCounts.V1;

namespace CacheService.Api.Grpc.Serialization;

/// <summary>
/// Encodes the answers of the reads that matter most straight from what the store says: a message object for each counter, and a second look at each for its size,
/// cost more than the reading.
/// </summary>
internal sealed class EncodedReplies(FeedStatus status)
{
    /// <summary>A <see cref="GetCountsResponse"/>.</summary>
    public EncodedReply Counts(in CountsReading reading)
    {
        var memory = ArrayPool<byte>.Shared.Rent(WireFields.MaxCountsSize + WireFields.MaxFreshnessSize);
        var writer = new WireWriter(memory);
        WireFields.Write(ref writer, GetCountsResponse.CountsFieldNumber, reading.MessageId, reading.Counts);
        Write(ref writer, GetCountsResponse.FreshnessFieldNumber, reading.Version);
        return new EncodedReply(memory, writer.Length);
    }

    /// <summary>A <see cref="BatchGetCountsResponse"/>.</summary>
    public EncodedReply Batch(in BatchReading reading)
    {
        var messageIds = reading.MessageIds;
        var counts = reading.Counts;
        var memory = ArrayPool<byte>.Shared.Rent((messageIds.Length * WireFields.MaxCountsSize) + WireFields.MaxListHeaderSize + WireFields.MaxFreshnessSize);
        var writer = new WireWriter(memory);
        var missingSize = 0;
        for (var i = 0; i < messageIds.Length; i++)
        {
            if (counts[i] is { } found)
            {
                WireFields.Write(ref writer, BatchGetCountsResponse.CountsFieldNumber, messageIds[i], found);
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

    /// <summary>Writes a field of the type <see cref="Freshness"/>: a version's, as of now.</summary>
    public void Write(ref WireWriter writer, int number, CountsVersion version)
    {
        var age = status.AgeOf(version);
        WireFields.Write(ref writer, number, version, age, status.StateOf(age));
    }
}
