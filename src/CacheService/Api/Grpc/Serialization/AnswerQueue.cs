using System.Buffers;
using CacheService.Counts;
using CacheService.Reading;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Grpc.Serialization;

/// <summary>
/// Answers of a stream of reads that are yet to be sent: encoded, in messages (<see cref="ReadCountsResponse"/>) of one version each. The age of a message is taken when
/// it is complete, after all of its counts were read. Not thread-safe.
/// </summary>
internal sealed class AnswerQueue(EncodedReplies replies)
{
    // Tag and length, and an id with its tag.
    private const int MaxAnswerSize = 2 + 11 + WireFields.MaxCountsSize;

    private const int FirstSize = 512;

    private readonly Queue<EncodedReply> _complete = [];
    private byte[]? _memory;
    private int _length;
    private CountsVersion? _version;
    private int _completeLength;

    /// <summary>Bytes that are yet to be sent.</summary>
    public int Length => _completeLength + _length;

    /// <summary>Adds counts.</summary>
    public void Add(ulong id, in CountsReading reading)
    {
        if (_version is not null && _version != (object)reading.Version)
        {
            Complete();
        }

        _version = reading.Version;
        var writer = new WireWriter(Reserve(MaxAnswerSize));
        var start = writer.BeginShort(ReadCountsResponse.AnswersFieldNumber);
        writer.Field(ReadAnswer.IdFieldNumber, id);
        WireFields.Write(ref writer, ReadAnswer.CountsFieldNumber, reading.MessageId, reading.Counts);
        writer.EndShort(start);
        _length += writer.Length;
    }

    /// <summary>Adds the reason for which there are no counts.</summary>
    /// <param name="id">Of the read.</param>
    /// <param name="status">The reason.</param>
    /// <param name="retryAfter">When to ask again; null: the service does not know.</param>
    public void Add(ulong id, Status status, TimeSpan? retryAfter)
    {
        var error = new ReadError { Code = (int)status.StatusCode, Message = status.Detail, RetryAfter = retryAfter is { } wait ? Duration.FromTimeSpan(wait) : null };
        var message = new ReadCountsResponse { Answers = { new ReadAnswer { Id = id, Error = error } } };
        var size = message.CalculateSize();
        message.WriteTo(Reserve(size)[..size]);
        _length += size;
    }

    /// <summary>Adds counts of the database, whose freshness is their own.</summary>
    public void Add(ulong id, GetCountsResponse fromDatabase)
    {
        Complete();
        Enqueue(EncodedReply.Of(new ReadCountsResponse { Answers = { new ReadAnswer { Id = id, Counts = fromDatabase.Counts } }, Freshness = fromDatabase.Freshness }));
    }

    /// <summary>The next message to send; null: all are sent.</summary>
    public EncodedReply? Take()
    {
        if (_complete.Count == 0)
        {
            Complete();
        }

        if (!_complete.TryDequeue(out var message))
        {
            return null;
        }

        _completeLength -= message.Bytes.Length;
        return message;
    }

    private void Complete()
    {
        if (_version is not null)
        {
            var writer = new WireWriter(Reserve(WireFields.MaxFreshnessSize));
            replies.Write(ref writer, ReadCountsResponse.FreshnessFieldNumber, _version);
            _length += writer.Length;
        }

        if (_memory is not null)
        {
            Enqueue(new EncodedReply(_memory, _length));
            (_memory, _length, _version) = (null, 0, null);
        }
    }

    private void Enqueue(EncodedReply message)
    {
        _complete.Enqueue(message);
        _completeLength += message.Bytes.Length;
    }

    /// <summary>Memory behind what is written, of that size at least.</summary>
    private Span<byte> Reserve(int size)
    {
        if (_memory is null)
        {
            _memory = ArrayPool<byte>.Shared.Rent(Math.Max(size, FirstSize));
        }
        else if (_memory.Length - _length < size)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_length + size, _memory.Length * 2));
            _memory.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_memory);
            _memory = larger;
        }

        return _memory.AsSpan(_length);
    }
}
