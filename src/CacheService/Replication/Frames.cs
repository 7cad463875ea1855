using System.Globalization;
using CacheService.Counts;
using TweetCounts.V1;
using DailyCounts = TweetCounts.V1.DailyCounts;

namespace CacheService.Replication;

/// <summary>Writes and reads what frames and checkpoints are made of.</summary>
internal static class Frames
{
    /// <summary>What a message takes at most, in bytes: four numbers of up to ten bytes each.</summary>
    private const int BytesPerMessage = 40;

    private const string DayFormat = "yyyy-MM-dd";

    /// <summary>How many messages a part may have.</summary>
    /// <param name="maxPayload">How many bytes the broker takes at once; half of that is left to days and to what stands around.</param>
    public static int MessagesPerPart(int maxPayload) => Math.Max(1, maxPayload / 2 / BytesPerMessage);

    /// <summary>A frame, in its parts.</summary>
    /// <param name="header">What all parts have.</param>
    /// <param name="sum">What changed.</param>
    /// <param name="messagesPerPart">How many messages a part may have.</param>
    public static IReadOnlyList<Frame> Write(Frame header, DrainSum sum, int messagesPerPart)
    {
        var parts = sum.Counts.Chunk(messagesPerPart).Select(chunk =>
        {
            var part = header.Clone();
            part.Counts = new CountColumns();
            foreach (var (messageId, counts) in chunk)
            {
                if (counts is { } present)
                {
                    part.Counts.MessageIds.Add(messageId);
                    part.Counts.Retweets.Add(present.Retweets);
                    part.Counts.Likes.Add(present.Likes);
                }
                else
                {
                    part.Removed.Add(messageId);
                }
            }

            return part;
        }).ToList();
        if (parts.Count == 0)
        {
            parts.Add(header.Clone());
        }

        parts[^1].Days.AddRange(sum.Days.Values.Select(Day));
        parts[^1].HasAllDays = sum.HasAllDays;
        for (var i = 0; i < parts.Count; i++)
        {
            (parts[i].Part, parts[i].Parts) = ((uint)i, (uint)parts.Count);
        }

        return parts;
    }

    /// <summary>A day.</summary>
    public static DailyCounts Day(DayCounts day) => new()
    {
        Day = day.Day.ToString(DayFormat, CultureInfo.InvariantCulture),
        Retweets = day.Retweets,
        UndoneRetweets = day.UndoneRetweets,
        Likes = day.Likes,
        UndoneLikes = day.UndoneLikes,
    };

    /// <inheritdoc cref="Day(DayCounts)"/>
    public static DayCounts Day(DailyCounts day) =>
        new(DateOnly.ParseExact(day.Day, DayFormat, CultureInfo.InvariantCulture), day.Retweets, day.UndoneRetweets, day.Likes, day.UndoneLikes);
}
