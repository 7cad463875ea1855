using CacheService.Api.Messages;
using CacheService.Counts;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;
using CountsMessage = TweetCounts.V1.Counts;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.Api.Grpc.Serialization;

/// <summary>The fields that the messages have in common.</summary>
internal static class WireFields
{
    /// <summary>The most bytes of a field of counts: tag and length, and four numbers of ten bytes with their tags.</summary>
    public const int MaxCountsSize = 2 + (4 * 11);

    /// <summary>The most bytes of a field of freshness: tag and length, and four fields, the longest of which is the epoch, 32 characters.</summary>
    public const int MaxFreshnessSize = 128;

    /// <summary>The most bytes of a point of a watch: tag and length, an epoch with its own, and a number.</summary>
    public const int MaxPointSize = 2 + 34 + 11;

    /// <summary>The most bytes before the numbers of a list.</summary>
    public const int MaxListHeaderSize = 6;

    /// <summary>A field of the type <see cref="CountsMessage"/>.</summary>
    public static void Write(ref WireWriter writer, int number, long messageId, in MessageCounts counts)
    {
        var start = writer.BeginShort(number);
        writer.Field(CountsMessage.MessageIdFieldNumber, messageId);
        writer.Field(CountsMessage.RetweetsFieldNumber, counts.Retweets);
        writer.Field(CountsMessage.LikesFieldNumber, counts.Likes);
        writer.Field(CountsMessage.RevisionFieldNumber, counts.Revision);
        writer.EndShort(start);
    }

    /// <summary>A field of the type <see cref="Freshness"/>.</summary>
    /// <param name="writer">Writes it.</param>
    /// <param name="number">The field's.</param>
    /// <param name="version">Of what; null: of nothing, which has but a state.</param>
    /// <param name="age">Its age.</param>
    /// <param name="state">The feed's state.</param>
    public static void Write(ref WireWriter writer, int number, CountsVersion? version, TimeSpan age, FeedState state)
    {
        var start = writer.BeginShort(number);
        if (version is not null)
        {
            writer.Field(Freshness.EpochFieldNumber, version.Epoch);
            writer.Field(Freshness.RevisionFieldNumber, version.Revision);
            var duration = writer.BeginShort(Freshness.AgeFieldNumber);
            writer.Field(Duration.SecondsFieldNumber, age.Ticks / TimeSpan.TicksPerSecond);
            writer.Field(Duration.NanosFieldNumber, age.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
            writer.EndShort(duration);
        }

        writer.Field(Freshness.StateFieldNumber, (long)FeedStates.Of(state));
        writer.EndShort(start);
    }

    /// <summary>A field of the type <see cref="WatchPoint"/>.</summary>
    public static void Write(ref WireWriter writer, int number, CountsVersion version)
    {
        var start = writer.BeginShort(number);
        writer.Field(WatchPoint.EpochFieldNumber, version.Epoch);
        writer.Field(WatchPoint.RevisionFieldNumber, version.Revision);
        writer.EndShort(start);
    }
}
