using System.Collections.Concurrent;
using CacheService.Feed;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>The followers that ask questions, all of which every service that may publish hears. Thread-safe.</summary>
internal sealed class FollowerList(TimeProvider time) : ICacheLister
{
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, FollowerEntry> _followers = new();

    /// <summary>Notes that a follower has asked.</summary>
    public void Note(Question question)
    {
        // A name of any length would be anybody's to make us keep.
        const int LongestName = 200;
        if (question.Follower.Length is > 0 and <= LongestName && (_followers.ContainsKey(question.Follower) || _followers.Count < 100_000))
        {
            _followers[question.Follower] = new FollowerEntry(question.Follower, time.GetTimestamp(), question.AgeMicroseconds < 0 ? null : TimeSpan.FromMicroseconds(question.AgeMicroseconds));
        }
    }

    /// <summary>Whether any has asked within a time.</summary>
    public bool HasAnySince(TimeSpan ago) => _followers.Values.Any(follower => time.GetElapsedTime(follower.HeardAt) <= ago);

    /// <summary>Those that have asked within a minute.</summary>
    public Task<IReadOnlyList<CacheEntry>> ListAsync(CancellationToken cancellationToken)
    {
        var list = new List<CacheEntry>();
        foreach (var follower in _followers.Values.OrderBy(follower => follower.Name, StringComparer.Ordinal))
        {
            var heard = time.GetElapsedTime(follower.HeardAt);
            if (heard > Forgotten)
            {
                _followers.TryRemove(KeyValuePair.Create(follower.Name, follower));
            }
            else
            {
                list.Add(new CacheEntry(follower.Name, follower.Age is not null, heard) { Follows = true, Age = follower.Age });
            }
        }

        return Task.FromResult<IReadOnlyList<CacheEntry>>(list);
    }

    private sealed record FollowerEntry(string Name, long HeardAt, TimeSpan? Age);
}
