using System.Collections.Concurrent;
using CacheService.Feed;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>The followers that ask questions, all of which every service that may publish hears. Thread-safe.</summary>
internal sealed class FollowerList(TimeProvider time) : ICacheLister
{
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, FollowerEntry> _followers = new();
    private long _forgotAt;

    /// <summary>Notes that a follower has asked.</summary>
    public void Note(Question question)
    {
        // A name of any length would be anybody's to make us keep.
        const int LongestName = 200;
        if (question.Follower.Length is > 0 and <= LongestName && (_followers.ContainsKey(question.Follower) || _followers.Count < 100_000))
        {
            Forget();
            _followers[question.Follower] = new FollowerEntry(question.Follower, time.GetTimestamp(), AgeOf(question));
        }
    }

    /// <summary>Whether any has asked within a time.</summary>
    public bool HasAnySince(TimeSpan ago) => _followers.Values.Any(follower => time.GetElapsedTime(follower.HeardAt) <= ago);

    /// <summary>Those that have asked within a minute.</summary>
    public Task<IReadOnlyList<CacheEntry>> ListAsync(CancellationToken cancellationToken)
    {
        Forget();
        return Task.FromResult<IReadOnlyList<CacheEntry>>(
            [.. _followers.Values.Select(follower => new CacheEntry(follower.Name, follower.Age is not null, time.GetElapsedTime(follower.HeardAt)) { Follows = true, Age = follower.Age })]);
    }

    // Numbers may come from any program; what is passed on has to be a duration of protobuf.
    private static TimeSpan? AgeOf(Question question) =>
        question.AgeMicroseconds is >= 0 and <= Duration.MaxSeconds * 1_000_000 ? TimeSpan.FromTicks(question.AgeMicroseconds * TimeSpan.TicksPerMicrosecond) : null;

    /// <summary>Now and then, those that ask no more.</summary>
    private void Forget()
    {
        if (time.GetElapsedTime(Volatile.Read(ref _forgotAt)) < Forgotten / 10)
        {
            return;
        }

        Volatile.Write(ref _forgotAt, time.GetTimestamp());
        foreach (var follower in _followers.Values.Where(follower => time.GetElapsedTime(follower.HeardAt) > Forgotten))
        {
            _followers.TryRemove(KeyValuePair.Create(follower.Name, follower));
        }
    }

    private sealed record FollowerEntry(string Name, long HeardAt, TimeSpan? Age);
}
