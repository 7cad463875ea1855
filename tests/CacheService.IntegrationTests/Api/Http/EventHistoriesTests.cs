using CacheService.Counts;
using CacheService.IntegrationTests.Feed.RandomTransactions;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Watching;
using FsCheck.Fluent;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>What streams of events tell, recorded while random transactions run, the feed breaks, and streams are cut off and resumed as browsers do; held to the guarantees of watches.</summary>
internal sealed class EventHistoriesTests
{
    private const int Transactions = 300;
    private const int Connections = 4;

    [Test]
    public async Task Histories_UnderRandomTransactionsAndFaults_KeepTheGuarantees()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(20);
        await service.AssertEqualsViewAsync(database);
        var truth = new TruthLog(service.Services.GetRequiredService<CountsStore>());

        using var ending = new CancellationTokenSource();
        long[] few = [1, 2, 3, 21, 22, 60];
        var followers = new[]
        {
            FollowAsync(service, truth, few, "", eventsPerStream: int.MaxValue, ending.Token),
            FollowAsync(service, truth, null, "&min_interval=0.1s", eventsPerStream: int.MaxValue, ending.Token),
            FollowAsync(service, truth, few, "", eventsPerStream: 3, ending.Token),
            FollowAsync(service, truth, null, "", eventsPerStream: 3, ending.Token),
        };
        var writing = Task.WhenAll(TransactionGenerator.Transaction.Sample(Transactions).Chunk(Transactions / Connections).Select(async chunk =>
        {
            await using var connection = await database.OpenAsync();
            return await TransactionRunner.RunAsync(connection, chunk);
        }));
        var faults = 0;
        for (; !writing.IsCompleted || faults < 3; faults++)
        {
            var before = service.Status.Drains;
            await new TestDatabaseGate(database).TerminateServiceAsync(faults % 2 == 0 ? "listener" : "reader");
            await Wait.UntilAsync(() => writing.IsCompleted || service.Status.Drains > before + 50, RunningService.Patience, "the feed goes on");
        }

        var committed = (await writing).Sum();
        await service.WaitForLiveAsync();
        await service.AssertEqualsViewAsync(database);
        await ending.CancelAsync();
        var histories = await Task.WhenAll(followers);
        await TestContext.Progress.WriteLineAsync(
            $"{committed} transactions, {faults} faults, {truth.Revision} revisions; events {string.Join(", ", histories.Select(history => history.Messages))}; resets {string.Join(", ", histories.Select(history => history.Resets))}");
        foreach (var history in histories)
        {
            Assert.That(history.Violations, Is.Empty);
            Assert.That(history.Knows(truth.Revision), "the last state arrives");
        }
    }

    private static async Task<WatchHistory> FollowAsync(RunningService service, TruthLog truth, long[]? messageIds, string pace, int eventsPerStream, CancellationToken ending)
    {
        var history = new WatchHistory(truth, messageIds);
        var query = $"{(messageIds is null ? "all=true" : $"ids={string.Join(',', messageIds)}")}{pace}&heartbeat=0.05s";
        string? lastEventId = null;
        while (!ending.IsCancellationRequested || !history.Knows(truth.Revision))
        {
            history.BeginStream(resumes: history.Progress is not null);
            await using var events = await EventReader.OpenAsync(service, query, lastEventId);
            for (var n = 0; n < eventsPerStream && !(ending.IsCancellationRequested && history.Knows(truth.Revision)); n++)
            {
                history.Take(ToTold(await events.NextAsync()));
                lastEventId = events.LastEventId;
            }
        }

        return history;
    }

    private static WatchHistory.Told ToTold(WatchCountsResponse response) => new(
        [.. response.Counts.Select(counts => (counts.MessageId, counts.Revision, counts.Retweets, counts.Likes))],
        response.RemovedMessageIds,
        response.Reset,
        response.Synced,
        (long)response.Coalesced,
        response.Freshness.Epoch.Length > 0 ? (response.Freshness.Epoch, response.Freshness.Revision) : null);
}
