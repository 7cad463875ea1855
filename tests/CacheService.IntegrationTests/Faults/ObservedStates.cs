using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Faults;

/// <summary>What one reader sees of a service's state, read by read. One writes; any number read.</summary>
internal sealed class ObservedStates
{
    private readonly Lock _lock = new();
    private readonly List<(long ReadAt, long IncludesUntil)> _live = [];
    private readonly HashSet<string> _epochs = [];
    private string _epoch = "";
    private ulong _revision;
    private bool _isLive;
    private long _notLiveSince = Stopwatch.GetTimestamp();
    private long _notLive;
    private long _longestNotLive;

    /// <summary>How often counts were loaded afresh, since <see cref="Forget"/>.</summary>
    public int Reloads
    {
        get
        {
            lock (_lock)
            {
                return Math.Max(_epochs.Count - 1, 0);
            }
        }
    }

    /// <summary>How long, in all, replies were not LIVE or did not come, since <see cref="Forget"/>.</summary>
    public TimeSpan NotLive
    {
        get
        {
            lock (_lock)
            {
                return Stopwatch.GetElapsedTime(0, _notLive);
            }
        }
    }

    /// <summary>The longest such time.</summary>
    public TimeSpan LongestNotLive
    {
        get
        {
            lock (_lock)
            {
                return Stopwatch.GetElapsedTime(0, _longestNotLive);
            }
        }
    }

    /// <summary>Begins anew; the present epoch is the first.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            (_notLive, _longestNotLive, _notLiveSince) = (0, 0, Stopwatch.GetTimestamp());
            _live.Clear();
            _epochs.Clear();
            if (_epoch.Length > 0)
            {
                _epochs.Add(_epoch);
            }
        }
    }

    /// <summary>Waits for the first LIVE reply that includes everything until a time.</summary>
    /// <returns>How long after that time it came.</returns>
    public async Task<TimeSpan> WaitForLiveAsync(long includingAllUntil)
    {
        long readAt = 0;
        await Wait.UntilAsync(
            () =>
            {
                lock (_lock)
                {
                    readAt = _live.Find(reply => reply.IncludesUntil > includingAllUntil).ReadAt;
                    return readAt > 0;
                }
            },
            RunningService.Patience,
            "a LIVE reply is younger than the fault's end");
        return Stopwatch.GetElapsedTime(includingAllUntil, readAt);
    }

    /// <summary>Whether a reply is of an earlier revision than the last, of the same epoch.</summary>
    public bool HasGoneBackTo(Freshness freshness)
    {
        lock (_lock)
        {
            return freshness.Epoch == _epoch && freshness.Revision < _revision;
        }
    }

    /// <summary>Notes what a reply says of itself.</summary>
    /// <param name="freshness">That; null where there was no reply.</param>
    /// <param name="sentAt">When the request was sent.</param>
    public void Observe(Freshness? freshness, long sentAt)
    {
        lock (_lock)
        {
            var isLive = freshness?.State == FeedState.Live;
            var now = Stopwatch.GetTimestamp();
            if (isLive && !_isLive)
            {
                _notLive += now - _notLiveSince;
                _longestNotLive = Math.Max(_longestNotLive, now - _notLiveSince);
            }
            else if (!isLive && _isLive)
            {
                _notLiveSince = sentAt;
            }

            _isLive = isLive;
            if (freshness is null)
            {
                return;
            }

            (_epoch, _revision) = (freshness.Epoch, freshness.Revision);
            _epochs.Add(_epoch);
            if (isLive)
            {
                _live.Add((now, sentAt - (long)(freshness.Age.ToTimeSpan().TotalSeconds * Stopwatch.Frequency)));
            }
        }
    }
}
