using System.Buffers;
using Google.Protobuf;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Client.Connections;

/// <summary>The generated client, which takes the answer of <c>BatchGetCounts</c> apart by itself.</summary>
internal sealed class ReadsClient(ChannelBase channel) : TweetCountsService.TweetCountsServiceClient(channel)
{
    private static readonly int CountsTag = WireReader.TagOfLength(BatchGetCountsResponse.CountsFieldNumber);
    private static readonly int MissingTag = WireReader.TagOfLength(BatchGetCountsResponse.MissingMessageIdsFieldNumber);

    // A list may also come number by number.
    private static readonly int OneMissingTag = WireReader.TagOfNumber(BatchGetCountsResponse.MissingMessageIdsFieldNumber);

    private static readonly int FreshnessTag = WireReader.TagOfLength(BatchGetCountsResponse.FreshnessFieldNumber);
    private static readonly int MessageIdTag = WireReader.TagOfNumber(Counts.MessageIdFieldNumber);
    private static readonly int RetweetsTag = WireReader.TagOfNumber(Counts.RetweetsFieldNumber);
    private static readonly int LikesTag = WireReader.TagOfNumber(Counts.LikesFieldNumber);
    private static readonly int RevisionTag = WireReader.TagOfNumber(Counts.RevisionFieldNumber);

    private static readonly Method<BatchGetCountsRequest, BatchAnswer> BatchMethod = new(
        MethodType.Unary, TweetCountsService.Descriptor.FullName, "BatchGetCounts",
        Marshallers.Create<BatchGetCountsRequest>(
            static (request, context) =>
            {
                context.SetPayloadLength(request.CalculateSize());
                request.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            static _ => throw new NotSupportedException("Requests are only sent.")),
        Marshallers.Create<BatchAnswer>(
            static (_, _) => throw new NotSupportedException("Answers are only received."),
            static context => Read(context.PayloadAsReadOnlySequence())));

    /// <summary>The counts of many messages.</summary>
    public AsyncUnaryCall<BatchAnswer> ReadBatchAsync(BatchGetCountsRequest request, CallOptions options) => CallInvoker.AsyncUnaryCall(BatchMethod, null, options, request);

    /// <summary>Takes a <see cref="BatchGetCountsResponse"/> apart.</summary>
    internal static BatchAnswer Read(ReadOnlySpan<byte> message)
    {
        var found = new MessageCounts[CountOf(message)];
        List<long> missing = [];
        TweetCounts.V1.Freshness? freshness = null;
        var answer = new WireReader(message);
        for (var i = 0; answer.Next();)
        {
            if (answer.Tag == CountsTag)
            {
                found[i++] = ReadCounts(answer.Bytes());
            }
            else if (answer.Tag == MissingTag)
            {
                for (var ids = new WireReader(answer.Bytes()); !ids.IsAtEnd;)
                {
                    missing.Add((long)ids.Number());
                }
            }
            else if (answer.Tag == OneMissingTag)
            {
                missing.Add((long)answer.Number());
            }
            else if (answer.Tag == FreshnessTag)
            {
                freshness = TweetCounts.V1.Freshness.Parser.ParseFrom(answer.Bytes());
            }
            else
            {
                answer.Skip();
            }
        }

        return new BatchAnswer(found, missing, Wire.Of(freshness));
    }

    private static BatchAnswer Read(ReadOnlySequence<byte> message)
    {
        if (message.IsSingleSegment)
        {
            return Read(message.FirstSpan);
        }

        var length = (int)message.Length;
        var whole = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            message.CopyTo(whole);
            return Read(whole.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    private static int CountOf(ReadOnlySpan<byte> message)
    {
        var count = 0;
        for (var answer = new WireReader(message); answer.Next(); answer.Skip())
        {
            count += answer.Tag == CountsTag ? 1 : 0;
        }

        return count;
    }

    private static MessageCounts ReadCounts(ReadOnlySpan<byte> message)
    {
        var (messageId, retweets, likes, revision) = (0L, 0L, 0L, 0ul);
        for (var counts = new WireReader(message); counts.Next();)
        {
            if (counts.Tag == MessageIdTag)
            {
                messageId = (long)counts.Number();
            }
            else if (counts.Tag == RetweetsTag)
            {
                retweets = (long)counts.Number();
            }
            else if (counts.Tag == LikesTag)
            {
                likes = (long)counts.Number();
            }
            else if (counts.Tag == RevisionTag)
            {
                revision = counts.Number();
            }
            else
            {
                counts.Skip();
            }
        }

        return new MessageCounts(messageId, retweets, likes, revision);
    }
}
