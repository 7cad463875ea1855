using TweetCounts.V1;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Compares what the service says with the view.</summary>
internal static class CacheComparison
{
    /// <summary>
    /// Asserts that a strong read of every message equals the view, and that other ids are missing. Nobody may write meanwhile.
    /// </summary>
    public static async Task AssertEqualsViewAsync(this RunningService service, TestDatabase database, string when = "")
    {
        var expected = await database.ReadViewAsync();
        const long Beyond = 5;
        var highest = expected.Count == 0 ? 0 : expected.Keys.Max();
        var request = new BatchGetCountsRequest { Read = new ReadOptions { Strong = true } };
        for (long messageId = 1; messageId <= highest + Beyond; messageId++)
        {
            request.MessageIds.Add(messageId);
        }

        var response = await service.Client.BatchGetCountsAsync(request);
        var actual = response.Counts.ToDictionary(counts => counts.MessageId, counts => (counts.Retweets, counts.Likes));
        Assert.That(actual, Is.EquivalentTo(expected), $"the cache differs from the view {when}");
        Assert.That(response.MissingMessageIds, Is.EquivalentTo(request.MessageIds.Except(expected.Keys)));
        Assert.That(service.Status.Condition.State, Is.EqualTo(CacheService.Feed.FeedState.Live));
    }
}
