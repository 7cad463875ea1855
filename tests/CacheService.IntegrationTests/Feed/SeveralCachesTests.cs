using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Feed;

/// <summary>Several caches on one database: one rings, all are exact and prompt.</summary>
internal sealed class SeveralCachesTests
{
    // Heartbeats too rare to help.
    private static readonly string[] RareHeartbeats = ["--Feed:HeartbeatInterval=00:00:10", "--Feed:StaleAfter=00:01:00"];

    [Test]
    public async Task Followers_HearOfChangesFromTheRinger()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var ringer = await RunningService.StartAsync(database.ConnectionString, RareHeartbeats);
        await using var follower = await RunningService.StartAsync(database.ConnectionString, RareHeartbeats);
        await database.AddMessagesAsync(1);
        await follower.AssertEqualsViewAsync(database);
        await ringer.AssertEqualsViewAsync(database);
        Assert.That((ringer.Status.IsRinger, follower.Status.IsRinger), Is.EqualTo((true, false)));

        await using var writer = await database.OpenAsync();
        var delays = new List<double>();
        await using var lag = new MachineLag();
        for (var n = 1; n <= 200; n++)
        {
            await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            var committed = Stopwatch.GetTimestamp();
            while ((await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 })).Counts.Retweets < n)
            {
                Assert.That(Stopwatch.GetElapsedTime(committed), Is.LessThan(RunningService.Patience), "the follower has not heard");
            }

            delays.Add(Stopwatch.GetElapsedTime(committed).TotalMilliseconds);
        }

        delays.Sort();
        await TestContext.Progress.WriteLineAsync($"commit to visible at a follower: median {delays[100]:F1} ms, max {delays[^1]:F1} ms");
        Assert.That(delays[100], Is.LessThan(2000), "no heartbeat can have helped");
        Assert.That(delays[^1], Is.LessThan((TimeSpan.FromSeconds(5) + lag.Longest).TotalMilliseconds), "nor where it was longest");
    }

    [Test]
    public async Task Ringer_ThatDies_IsFollowedByAnother()
    {
        await using var database = await TestDatabase.CreateAsync();
        var ringer = await RunningService.StartAsync(database.ConnectionString);
        await using var follower = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await using (ringer)
        {
            Assert.That((ringer.Status.IsRinger, follower.Status.IsRinger), Is.EqualTo((true, false)));
        }

        await Wait.UntilAsync(() => follower.Status.IsRinger, RunningService.Patience, "the other is the ringer");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await follower.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Sessions_OfACacheThatIsNotHeardOf_AreEnded()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:LeaseDuration=00:00:03");

        // What a frozen cache leaves: a session that holds RINGER and ASLEEP, and no registration.
        await using var gone = new Npgsql.NpgsqlConnection(
            new Npgsql.NpgsqlConnectionStringBuilder(database.ConnectionString) { ApplicationName = "CacheService reader 0badcafe", Pooling = false }.ConnectionString);
        await gone.OpenAsync();
        await gone.ExecuteAsync("select 1");

        await Wait.UntilAsync(() => service.Log.Has("SessionsOfTheGoneEnded"), RunningService.Patience, "its session is ended");
        Assert.That(() => gone.ExecuteAsync("select 1"), Throws.InstanceOf<Npgsql.NpgsqlException>());
        Assert.That(service.Log.Has("SessionBroken"), Is.False, "the live one keeps its own");
    }
}
