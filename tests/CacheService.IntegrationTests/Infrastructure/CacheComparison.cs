using TweetCounts.V1;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Compares what the service says with the view.</summary>
internal static class CacheComparison
{
    /// <summary>How many messages one request asks for; the service has a limit.</summary>
    private const int BatchSize = 5000;

    /// <summary>
    /// Asserts that a strong read of every message equals the view, and that other ids are missing. Nobody may write meanwhile.
    /// </summary>
    public static async Task AssertEqualsViewAsync(this RunningService service, ITestDatabase database, string when = "")
    {
        await service.Client.AssertEqualsViewAsync(database, when);
        await service.WaitForLiveAsync();
    }

    /// <inheritdoc cref="AssertEqualsViewAsync(RunningService, ITestDatabase, string)"/>
    public static async Task AssertEqualsViewAsync(this TweetCountsService.TweetCountsServiceClient client, ITestDatabase database, string when = "")
    {
        var expected = await database.ReadViewAsync();
        const long Beyond = 5;
        var highest = (expected.Count == 0 ? 0 : expected.Keys.Max()) + Beyond;
        var actual = new Dictionary<long, (long, long)>();
        var missing = new List<long>();
        for (long first = 1; first <= highest; first += BatchSize)
        {
            var request = new BatchGetCountsRequest { Read = new ReadOptions { Strong = true } };
            for (var messageId = first; messageId < first + BatchSize && messageId <= highest; messageId++)
            {
                request.MessageIds.Add(messageId);
            }

            var response = await client.BatchGetCountsAsync(request);
            foreach (var counts in response.Counts)
            {
                actual.Add(counts.MessageId, (counts.Retweets, counts.Likes));
            }

            missing.AddRange(response.MissingMessageIds);
        }

        // By key: comparing as unordered collections takes quadratic time.
        var differences = expected.Keys.Union(actual.Keys)
            .Where(messageId => !actual.TryGetValue(messageId, out var one) || !expected.TryGetValue(messageId, out var other) || one != other)
            .Select(messageId => $"message {messageId}: {Describe(actual, messageId)} in the cache, {Describe(expected, messageId)} in the view");
        Assert.That(differences, Is.Empty, $"the cache differs from the view {when}");
        Assert.That(missing, Has.Count.EqualTo(highest - expected.Count), $"ids without a message {when}");
    }

    /// <summary>Asserts that reads that go round the cache equal the view, of some messages and of one with its text. Nobody may write meanwhile.</summary>
    public static async Task AssertReadsOfTheTablesEqualViewAsync(this RunningService service, ITestDatabase database)
    {
        const int Some = 100;
        var fromDatabase = new ReadOptions { Source = ReadSource.Database };
        var expected = (await database.ReadViewAsync()).OrderBy(entry => entry.Key).Take(Some).Select(entry => (entry.Key, entry.Value)).ToList();
        var batch = await service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { expected.Select(entry => entry.Key) }, Read = fromDatabase });
        Assert.That(batch.Counts.Select(counts => (counts.MessageId, (counts.Retweets, counts.Likes))), Is.EqualTo(expected));
        var message = await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = expected[0].Key, Read = fromDatabase });
        Assert.That((message.Counts.Retweets, message.Counts.Likes), Is.EqualTo(expected[0].Value));
    }

    private static string Describe(Dictionary<long, (long, long)> counts, long messageId) =>
        counts.TryGetValue(messageId, out var found) ? found.ToString() : "nothing";
}
