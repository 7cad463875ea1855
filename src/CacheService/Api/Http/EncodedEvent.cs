using System.Buffers;
using CacheService.Api.Messages;
using CacheService.Counts;
using CacheService.Watching;
using TweetCounts.V1;

namespace CacheService.Api.Http;

/// <summary>
/// Encodes what watchers are told as an event, whose data is a <see cref="WatchCountsResponse"/> in protobuf's own JSON: the counts and removals once for all who are
/// told the same, and for each only what is its own.
/// </summary>
internal static class EncodedEvent
{
    // The names of the fields, and four numbers.
    private const int MaxCountsSize = 80 + (4 * JsonWriter.MaxNumberSize);
    private const int MaxRemovedSize = 4 + JsonWriter.MaxNumberSize;
    private const int MaxListsSize = 64;

    // The names of the fields; the epoch, three times; six numbers, two of them twice; and the state.
    private const int MaxOwnSize = 600;

    private static readonly Dictionary<FeedState, string> StateNames = Enum.GetValues<FeedState>()
        .ToDictionary(state => state, state => Freshness.Descriptor.FindFieldByNumber(Freshness.StateFieldNumber).EnumType.FindValueByNumber((int)state).Name);

    /// <summary>Writes an event.</summary>
    public static void Write(IBufferWriter<byte> output, WatchReply reply)
    {
        var own = new JsonWriter(stackalloc byte[MaxOwnSize]);
        own.Text("event: counts\n"u8);
        Id(ref own, reply);
        own.Text("data: { "u8);
        output.Write(own.Written);

        var content = reply.Batch.Content;
        if (content.IsShared)
        {
            output.Write(content.EncodeOnce(WatchEncoding.Json, static content => Encode(content, new byte[MaxSize(content)]).ToArray()));
        }
        else
        {
            var pooled = ArrayPool<byte>.Shared.Rent(MaxSize(content));
            output.Write(Encode(content, pooled));
            ArrayPool<byte>.Shared.Return(pooled);
        }

        own = new JsonWriter(stackalloc byte[MaxOwnSize]);
        own.Text(", \"reset\": "u8);
        own.Flag(reply.Batch.IsReset);
        own.Text(", \"synced\": "u8);
        own.Flag(reply.Batch.IsSynced);
        own.Text(", \"coalesced\": \""u8);
        own.Number(reply.Batch.Coalesced);
        own.Text("\", \"freshness\": { \"epoch\": \""u8);
        own.Ascii(reply.Told?.Epoch ?? "");
        own.Text("\", \"revision\": \""u8);
        own.Number(reply.Told?.Revision ?? 0);
        own.Text("\""u8);
        if (reply.Told is not null)
        {
            own.Text(", \"age\": \""u8);
            Duration(ref own, reply.Age);
            own.Text("\""u8);
        }

        own.Text(", \"state\": \""u8);
        own.Ascii(StateNames[FeedStates.Of(reply.State)]);
        own.Text("\", \"source\": \"READ_SOURCE_UNSPECIFIED\" }"u8);
        if (reply.AheadTo is { } ahead)
        {
            own.Text(", \"seen\": { \"epoch\": \""u8);
            own.Ascii(ahead.Epoch);
            own.Text("\", \"revision\": \""u8);
            own.Number(ahead.Revision);
            own.Text("\" }"u8);
        }

        own.Text(" }\n\n"u8);
        output.Write(own.Written);
    }

    /// <summary>Writes a comment, which no EventSource shows, but whose id counts.</summary>
    public static void WriteComment(IBufferWriter<byte> output, WatchReply reply)
    {
        var comment = new JsonWriter(stackalloc byte[MaxOwnSize]);
        comment.Text(": nothing new\n"u8);
        Id(ref comment, reply);
        comment.Text("\n"u8);
        output.Write(comment.Written);
    }

    // What has been told: see EventStream.
    private static void Id(ref JsonWriter writer, WatchReply reply)
    {
        var (told, ahead) = (reply.Told, reply.AheadTo);
        if ((ahead ?? told) is not { } version)
        {
            return;
        }

        writer.Text("id: "u8);
        writer.Ascii(version.Epoch);
        writer.Text(":"u8);
        // A client that has forgotten everything, and is cut off before it has been told everything, must not resume.
        writer.Number(told is not null && told.Epoch == version.Epoch ? told.Revision : 0);
        if (ahead is not null)
        {
            writer.Text(":"u8);
            writer.Number(ahead.Revision);
        }

        writer.Text("\n"u8);
    }

    // Protobuf has no digits of a second, or three, six or nine of them.
    private static void Duration(ref JsonWriter writer, TimeSpan time)
    {
        writer.Number(time.Ticks / TimeSpan.TicksPerSecond);
        var nanos = time.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick;
        if (nanos > 0)
        {
            writer.Text("."u8);
            var (digits, format) = nanos % 1_000_000 == 0 ? (nanos / 1_000_000, "D3") : nanos % 1_000 == 0 ? (nanos / 1_000, "D6") : (nanos, "D9");
            writer.Number(digits, format);
        }

        writer.Text("s"u8);
    }

    private static int MaxSize(WatchContent content) => MaxListsSize + (content.Counts.Count * MaxCountsSize) + (content.Removed.Count * MaxRemovedSize);

    private static ReadOnlySpan<byte> Encode(WatchContent content, Span<byte> memory)
    {
        var writer = new JsonWriter(memory);
        writer.Text("\"counts\": [ "u8);
        for (var i = 0; i < content.Counts.Count; i++)
        {
            writer.Text(i > 0 ? ", "u8 : ""u8);
            Counts(ref writer, content.Counts[i]);
        }

        writer.Text(content.Counts.Count > 0 ? " ], \"removedMessageIds\": [ "u8 : "], \"removedMessageIds\": [ "u8);
        for (var i = 0; i < content.Removed.Count; i++)
        {
            writer.Text(i > 0 ? ", \""u8 : "\""u8);
            writer.Number(content.Removed[i]);
            writer.Text("\""u8);
        }

        writer.Text(content.Removed.Count > 0 ? " ]"u8 : "]"u8);
        return writer.Written;
    }

    private static void Counts(ref JsonWriter writer, CountedMessage message)
    {
        writer.Text("{ \"messageId\": \""u8);
        writer.Number(message.MessageId);
        writer.Text("\", \"retweets\": \""u8);
        writer.Number(message.Counts.Retweets);
        writer.Text("\", \"likes\": \""u8);
        writer.Number(message.Counts.Likes);
        writer.Text("\", \"revision\": \""u8);
        writer.Number(message.Counts.Revision);
        writer.Text("\" }"u8);
    }
}
