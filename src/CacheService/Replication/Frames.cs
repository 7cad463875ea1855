using System.Globalization;
using CacheService.Counts;
using TweetCounts.V1;
using DailyCounts = TweetCounts.V1.DailyCounts;

namespace CacheService.Replication;

/// <summary>Writes and reads what frames and checkpoints are made of.</summary>
internal static class Frames
{
    /// <summary>What a message or a day takes at most, in bytes: a day has a date of ten letters and four numbers of up to ten bytes each, with a byte or two before each of them.</summary>
    private const int BytesPerEntry = 60;

    private const string DayFormat = "yyyy-MM-dd";

    /// <summary>How many messages and days a part may have.</summary>
    /// <param name="maxPayload">How many bytes the broker takes at once; half of that is left to what stands around, of which snapshots grow with the transactions that are open.</param>
    public static int EntriesPerPart(int maxPayload) => Math.Max(1, maxPayload / 2 / BytesPerEntry);

    /// <summary>A frame, in its parts.</summary>
    /// <param name="header">What all parts have.</param>
    /// <param name="sum">What changed.</param>
    /// <param name="entriesPerPart">How many messages and days a part may have.</param>
    public static IReadOnlyList<Frame> Write(Frame header, DrainSum sum, int entriesPerPart)
    {
        var (parts, room) = (new List<Frame> { header.Clone() }, entriesPerPart);
        foreach (var (messageId, counts) in sum.Counts)
        {
            var part = PartWithRoom();
            if (counts is { } present)
            {
                part.Counts ??= new CountColumns();
                part.Counts.MessageIds.Add(messageId);
                part.Counts.Retweets.Add(present.Retweets);
                part.Counts.Likes.Add(present.Likes);
            }
            else
            {
                part.Removed.Add(messageId);
            }
        }

        // In one part where they fit, because earlier versions read those of the last one alone.
        room = room < sum.Days.Count && parts[^1] is { Counts: not null } or { Removed.Count: > 0 } ? 0 : room;
        foreach (var day in sum.Days.Values)
        {
            PartWithRoom().Days.Add(Day(day));
        }

        parts[^1].HasAllDays = sum.HasAllDays;
        for (var i = 0; i < parts.Count; i++)
        {
            (parts[i].Part, parts[i].Parts) = ((uint)i, (uint)parts.Count);
        }

        return parts;

        Frame PartWithRoom()
        {
            if (room == 0)
            {
                parts.Add(header.Clone());
                room = entriesPerPart;
            }

            room--;
            return parts[^1];
        }
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
