using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Faults;

/// <summary>The checker of the fault tests complains where there is reason to.</summary>
internal sealed class HonestyCheckerTests
{
    [Test]
    public async Task Checker_OfAServiceThatDoesNotKnowTheWritersCommits_Complains()
    {
        await using var written = await TestDatabase.CreateAsync();
        await using var followed = await TestDatabase.CreateAsync();
        await FaultStatements.PrepareAsync(written);
        await FaultStatements.PrepareAsync(followed);
        await using var service = await FaultService.StartHereAsync(followed.ConnectionString);
        await service.WaitForStateAsync(TweetCounts.V1.FeedState.Live);
        // Messages of the same ids, which nobody writes to.
        await followed.ExecuteAsync("insert into tweet.message (userid, message) select userid, 'like those that the writers make' from tweet.users, generate_series(1, 50) where uname = 'Puck'");
        await using var writers = new FaultWriters(TimeSpan.FromMilliseconds(10));
        writers.Start(written.ConnectionString);

        await using var checker = new HonestyChecker(service, writers, TimeSpan.FromSeconds(2));
        await writers.WriteMoreAsync(50);

        await Wait.UntilAsync(() => checker.ViolationCount > 0, RunningService.Patience, "the checker complains");
        Assert.That(checker.Violations.First(), Does.Contain("lacks what was committed"));
    }

    [Test]
    public async Task Checker_OfAServiceThatCountsWhatNobodyWrote_Complains()
    {
        await using var database = await TestDatabase.CreateAsync();
        await FaultStatements.PrepareAsync(database);
        await using var service = await FaultService.StartHereAsync(database.ConnectionString);
        await using var writers = new FaultWriters(TimeSpan.FromMilliseconds(10));
        writers.Start(database.ConnectionString);
        await using var checker = new HonestyChecker(service, writers, TimeSpan.FromSeconds(2));
        await writers.WriteMoreAsync(50);
        Assert.That(checker.Violations, Is.Empty);

        await database.ExecuteAsync($"insert into tweet.activity (messageid, action) select {writers.HonestMessages.First().Id}, 'rt' from generate_series(1, 1000)");

        await Wait.UntilAsync(() => checker.ViolationCount > 0, RunningService.Patience, "the checker complains");
        Assert.That(checker.Violations.First(), Does.Contain("have been committed"));
    }
}
