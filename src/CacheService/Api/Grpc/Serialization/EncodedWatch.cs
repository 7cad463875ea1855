using System.Buffers;
using CacheService.Api.Messages;
using CacheService.Watching;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Grpc.Serialization;

/// <summary>
/// Encodes what watchers are told as a <see cref="WatchCountsResponse"/>: the counts and removals once for all who are told the same, and for each only what is its
/// own. The two can be one after the other, because the fields of a message may come in any order.
/// </summary>
internal static class EncodedWatch
{
    // Two flags, a number, the freshness, and how far it may be ahead of that.
    private const int MaxOwnSize = 2 + 2 + 11 + WireFields.MaxFreshnessSize + WireFields.MaxPointSize;

    /// <summary>Writes a reply where gRPC sends it from.</summary>
    public static void Send(WatchReply reply, SerializationContext context)
    {
        var own = new WireWriter(stackalloc byte[MaxOwnSize]);
        own.Field(WatchCountsResponse.ResetFieldNumber, reply.Batch.IsReset ? 1UL : 0);
        own.Field(WatchCountsResponse.SyncedFieldNumber, reply.Batch.IsSynced ? 1UL : 0);
        own.Field(WatchCountsResponse.CoalescedFieldNumber, (ulong)reply.Batch.Coalesced);
        WireFields.Write(ref own, WatchCountsResponse.FreshnessFieldNumber, reply.Told, reply.Age, reply.State);
        if (reply.AheadTo is not null)
        {
            WireFields.Write(ref own, WatchCountsResponse.SeenFieldNumber, reply.AheadTo);
        }

        var content = reply.Batch.Content;
        if (content.IsShared)
        {
            Send(content.EncodeOnce(WatchEncoding.Protobuf, static content => Encode(content, new byte[MaxSize(content)]).ToArray()), own.Written, context);
            return;
        }

        var pooled = ArrayPool<byte>.Shared.Rent(MaxSize(content));
        Send(Encode(content, pooled), own.Written, context);
        ArrayPool<byte>.Shared.Return(pooled);
    }

    private static void Send(ReadOnlySpan<byte> content, ReadOnlySpan<byte> own, SerializationContext context)
    {
        context.SetPayloadLength(content.Length + own.Length);
        var writer = context.GetBufferWriter();
        writer.Write(content);
        writer.Write(own);
        context.Complete();
    }

    private static int MaxSize(WatchContent content) => (content.Count * WireFields.MaxCountsSize) + WireFields.MaxListHeaderSize;

    private static ReadOnlySpan<byte> Encode(WatchContent content, Span<byte> memory)
    {
        var writer = new WireWriter(memory);
        foreach (var (messageId, counts) in content.Counts)
        {
            WireFields.Write(ref writer, WatchCountsResponse.CountsFieldNumber, messageId, counts);
        }

        if (content.Removed.Count > 0)
        {
            writer.Begin(WatchCountsResponse.RemovedMessageIdsFieldNumber, content.Removed.Sum(messageId => WireWriter.SizeOf((ulong)messageId)));
            foreach (var messageId in content.Removed)
            {
                writer.Varint((ulong)messageId);
            }
        }

        return writer.Written;
    }
}
