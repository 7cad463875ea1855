using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.AnyDatabase.UnderLoad;

/// <summary>Samples how old the counts are that a reader gets, in milliseconds.</summary>
internal sealed class Ages
{
    private readonly List<double> _sorted;

    private Ages(List<double> ages, int notLive)
    {
        ages.Sort();
        (_sorted, NotLive) = (ages, notLive);
    }

    /// <summary>The age that 99 of 100 replies do not exceed.</summary>
    public double P99 => _sorted[(int)(_sorted.Count * 0.99)];

    /// <summary>Replies that were not LIVE.</summary>
    public int NotLive { get; }

    /// <summary>Reads for a time, some two hundred times a second.</summary>
    public static async Task<Ages> SampleAsync(TweetCountsService.TweetCountsServiceClient client, TimeSpan duration)
    {
        var (ages, notLive) = (new List<double>(), 0);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var end = DateTime.UtcNow + duration;
        while (DateTime.UtcNow < end)
        {
            var reply = await client.GetCountsAsync(new GetCountsRequest { MessageId = 1 }, deadline: DateTime.UtcNow + RunningService.Patience);
            ages.Add(reply.Freshness.Age.ToTimeSpan().TotalMilliseconds);
            notLive += reply.Freshness.State == FeedState.Live ? 0 : 1;
            await tick.WaitForNextTickAsync();
        }

        return new Ages(ages, notLive);
    }

    public override string ToString() => $"median {_sorted[_sorted.Count / 2]:F1}, p99 {P99:F1}, longest {_sorted[^1]:F1} ms of {_sorted.Count} replies, {NotLive} not LIVE";
}
