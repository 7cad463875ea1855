using CacheService.Counts;
using CacheService.IntegrationTests.Feed.RandomTransactions;
using CacheService.IntegrationTests.Infrastructure;
using FsCheck.Fluent;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Watching;

/// <summary>What subscribers are told over gRPC, recorded while random transactions run, the feed breaks, and the subscribers come, go and dawdle.</summary>
internal sealed class WatchedHistoriesTests
{
    private const int Transactions = 400;
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
            FollowAsync(service, truth, few, TimeSpan.Zero, messagesPerStream: int.MaxValue, ending.Token),
            FollowAsync(service, truth, null, TimeSpan.Zero, messagesPerStream: int.MaxValue, ending.Token),
            FollowAsync(service, truth, few, TimeSpan.FromMilliseconds(100), messagesPerStream: int.MaxValue, ending.Token),
            FollowAsync(service, truth, null, TimeSpan.FromMilliseconds(100), messagesPerStream: int.MaxValue, ending.Token),
            FollowAsync(service, truth, few, TimeSpan.Zero, messagesPerStream: 3, ending.Token),
            FollowAsync(service, truth, null, TimeSpan.Zero, messagesPerStream: 3, ending.Token),
        };

        var transactions = TransactionGenerator.Transaction.Sample(Transactions);
        var writing = Task.WhenAll(transactions.Chunk(Transactions / Connections).Select(async chunk =>
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
            $"{committed} transactions, {faults} faults, {truth.Revision} revisions; messages {string.Join(", ", histories.Select(history => history.Messages))}; "
            + $"resets {string.Join(", ", histories.Select(history => history.Resets))}; coalesced {histories.Sum(history => history.Coalesced)}");
        foreach (var history in histories)
        {
            Assert.That(history.Violations, Is.Empty);
            Assert.That(history.Knows(truth.Revision), "the last state arrives");
        }
    }

    /// <summary>Watches, over as many streams as it takes, until it is told to end and knows the last state.</summary>
    private static async Task<WatchHistory> FollowAsync(
        RunningService service, TruthLog truth, IReadOnlyCollection<long>? messageIds, TimeSpan minInterval, int messagesPerStream, CancellationToken ending)
    {
        var history = new WatchHistory(truth, messageIds);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        while (!ending.IsCancellationRequested || !history.Knows(truth.Revision))
        {
            var request = new WatchCountsRequest { All = messageIds is null, MinInterval = Duration.FromTimeSpan(minInterval), Heartbeat = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(50)) };
            request.MessageIds.AddRange(messageIds ?? []);
            (request.ResumeEpoch, request.ResumeRevision) = history.Progress ?? ("", 0);
            history.BeginStream(resumes: history.Progress is not null);
            using var watch = service.Client.WatchCounts(request, cancellationToken: patience.Token);
            for (var n = 0; n < messagesPerStream && !(ending.IsCancellationRequested && history.Knows(truth.Revision)); n++)
            {
                Assert.That(await watch.ResponseStream.MoveNext(patience.Token), Is.True);
                history.Take(ToTold(watch.ResponseStream.Current));
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
