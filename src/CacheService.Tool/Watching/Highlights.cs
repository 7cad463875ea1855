using CacheService.Client;

namespace CacheService.Tool.Watching;

/// <summary>Which of the shown numbers have just changed, and in which direction.</summary>
internal sealed class Highlights(TimeProvider time)
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(2);

    private readonly Dictionary<long, (Number Retweets, Number Likes)> _shown = [];

    /// <summary>For each of the two numbers: above zero when it has grown within the last two seconds, below when it has shrunk.</summary>
    public (int Retweets, int Likes) Of(MessageCounts counts)
    {
        var now = time.GetTimestamp();
        var (retweets, likes) = _shown.TryGetValue(counts.MessageId, out var before)
            ? (Follow(before.Retweets, counts.Retweets, now), Follow(before.Likes, counts.Likes, now))
            : (new Number(counts.Retweets, 0, now), new Number(counts.Likes, 0, now));
        _shown[counts.MessageId] = (retweets, likes);
        return (retweets.Direction, likes.Direction);
    }

    /// <summary>Forgets all other messages: when they come back, what they were before is no news.</summary>
    public void Keep(IReadOnlyCollection<long> messageIds)
    {
        if (_shown.Count > messageIds.Count)
        {
            foreach (var gone in _shown.Keys.Except(messageIds).ToArray())
            {
                _shown.Remove(gone);
            }
        }
    }

    private Number Follow(Number before, long value, long now)
    {
        if (value != before.Value)
        {
            return new Number(value, Math.Sign(value - before.Value), now);
        }

        return time.GetElapsedTime(before.ChangedAt, now) > Duration ? before with { Direction = 0 } : before;
    }

    private readonly record struct Number(long Value, int Direction, long ChangedAt);
}
