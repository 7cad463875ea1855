using CacheService.Counts;
using CacheService.Feed;
using CacheService.Metrics;
using CacheService.Watching;

namespace CacheService.History;

/// <summary>What the service did within the last hour, for whoever looks at it now: it needs no other program that measures all the time. Thread-safe.</summary>
internal sealed class RecentHistory(CountsStore store, FeedStatus feed, WatchHub watches, TimeProvider time) : BackgroundService
{
    /// <summary>How long samples are kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    // The age rises and falls: a look now and then would miss how high it was.
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan SampleLength = TimeSpan.FromSeconds(5);

    private readonly Queue<HistorySample> _samples = new();

    /// <summary>The samples that ended within a time, by time.</summary>
    public IReadOnlyList<HistorySample> Within(TimeSpan span)
    {
        var since = time.GetUtcNow() - span;
        lock (_samples)
        {
            return [.. _samples.SkipWhile(sample => sample.At <= since)];
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookInterval, time);
        await using var stopping = stoppingToken.Register(timer.Dispose);
        var (startedAt, before) = (time.GetTimestamp(), Totals.Now(feed));
        TimeSpan? age = null;
        var state = FeedState.Live;
        while (await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            age = Highest(age, store.Version is { } version ? feed.AgeOf(version) : null);
            state = feed.Condition.State is not FeedState.Live and var other ? other : state;
            var length = time.GetElapsedTime(startedAt);
            if (length >= SampleLength)
            {
                var now = Totals.Now(feed);
                Add(new HistorySample(
                    time.GetUtcNow(), length, PerSecond(now.Reads - before.Reads), PerSecond(now.Drains - before.Drains), PerSecond(now.Changes - before.Changes), age, watches.Count, state));
                (startedAt, before, age, state) = (time.GetTimestamp(), now, null, FeedState.Live);
            }

            double PerSecond(long some) => Math.Round(some / length.TotalSeconds, 1);
        }
    }

    private void Add(HistorySample sample)
    {
        lock (_samples)
        {
            while (_samples.TryPeek(out var oldest) && oldest.At <= sample.At - Kept)
            {
                _samples.Dequeue();
            }

            _samples.Enqueue(sample);
        }
    }

    private static TimeSpan? Highest(TimeSpan? one, TimeSpan? other) => one > other || other is null ? one : other;

    /// <summary>What is counted since the start.</summary>
    private readonly record struct Totals(long Reads, long Drains, long Changes)
    {
        public static Totals Now(FeedStatus feed) => new(Instruments.Reads.Total, feed.Drains, Instruments.Changes.Value);
    }
}
