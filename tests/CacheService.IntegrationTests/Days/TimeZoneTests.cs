using CacheService.Feed.Postgres;
using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres;
using CacheService.Rollup;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Days;

/// <summary>A day begins and ends where it does in the configured time zone.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class TimeZoneTests
{
    private const string FromRollup = "CountsLoadedFromRollup";
    private const string Counted = "CountsLoaded";

    [Test]
    public async Task Days_InBerlin_BeginAndEndThere()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Counts:TimeZone=Europe/Berlin");
        await database.AddMessagesAsync(1);
        // The last second of a day and the first of the next, in winter; then each hour of the days when the clocks are set forward, and back.
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) values (1, 'rt', '2026-01-14 22:59:59.999999+00'), (1, 'fav', '2026-01-14 23:00+00')");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) select 1, 'rt', n from generate_series(timestamptz '2026-03-28 22:00+00', '2026-03-29 23:00+00', interval '1 hour') n");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) select 1, 'de-rt', n from generate_series(timestamptz '2026-10-24 21:00+00', '2026-10-25 23:00+00', interval '1 hour') n");

        var days = await service.Client.ListDailyCountsAsync(new ListDailyCountsRequest { Read = new ReadOptions { Strong = true } });
        Assert.That(days.Days.Select(DaysRecount.Show), Is.EqualTo(new[]
        {
            "2026-01-14 1/0/0/0", "2026-01-15 0/0/1/0",
            "2026-03-28 1/0/0/0", "2026-03-29 23/0/0/0", "2026-03-30 2/0/0/0",
            "2026-10-24 0/1/0/0", "2026-10-25 0/25/0/0", "2026-10-26 0/1/0/0",
        }));
        await service.AssertDaysEqualRecountAsync(database, "Europe/Berlin");
    }

    [Test]
    public async Task Days_InAnyZone_EqualARecount([Values("Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Pacific/Kiritimati", "America/Sao_Paulo")] string zone)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using (var service = await RunningService.StartAsync(database.ConnectionString, $"--Counts:TimeZone={zone}"))
        {
            await database.AddMessagesAsync(3);
            foreach (var (from, to) in new[] { ("2026-03-27", "2026-03-31"), ("2026-10-23", "2026-11-03"), ("2011-12-28", "2012-01-02"), ("2018-11-02", "2018-11-06"), ("1891-03-30", "1891-04-02") })
            {
                await database.ExecuteAsync(
                    $"insert into tweet.activity (messageid, action, datetime) select 1 + n % 3, (array['rt', 'fav', 'de-rt', 'de-fav'])[1 + n % 4]::tweet.action_t, timestamptz '{from} 00:00+00' + n * interval '15 min' from generate_series(0, 96 * (date '{to}' - date '{from}')) n");
            }

            await service.AssertDaysEqualRecountAsync(database, zone, "by drains");
            await database.ExecuteAsync("update tweet.activity set datetime = datetime + interval '7 hours'");
            await service.AssertDaysEqualRecountAsync(database, zone, "after a move");
            Assert.That(service.Log.Has("Reloading"), Is.False);
            await WaitForRollupAsync(service);
        }

        await database.ExecuteAsync("delete from tweet.activity where messageid = 2");
        await using (var second = await RunningService.StartAsync(database.ConnectionString, $"--Counts:TimeZone={zone}"))
        {
            Assert.That((second.Log.Count(FromRollup), second.Log.Count(Counted)), Is.EqualTo((1, 0)));
            await second.AssertDaysEqualRecountAsync(database, zone, "from the rollup");
        }

        await database.ExecuteAsync("select twcache.drop_rollup()");
        await using var third = await RunningService.StartAsync(database.ConnectionString, $"--Counts:TimeZone={zone}", "--Rollup:Interval=0");
        Assert.That((third.Log.Count(FromRollup), third.Log.Count(Counted)), Is.EqualTo((0, 1)));
        await third.AssertDaysEqualRecountAsync(database, zone, "counted");
    }

    /// <summary>Bulk changes are summed by slots of time. Clocks that go back a minute after midnight end a day within one.</summary>
    [Test]
    public async Task Days_WhereClocksGoBackJustAfterMidnight_EqualARecount([Values("America/St_Johns", "America/Moncton", "America/Goose_Bay")] string zone)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, $"--Counts:TimeZone={zone}");
        await database.AddMessagesAsync(1);
        await database.ExecuteAsync(
            """
            insert into tweet.activity (messageid, action, datetime)
            select 1, 'rt', day + n * interval '1 min' from unnest(array[timestamptz '2006-10-29 02:00+00', '2011-11-06 02:00+00', '2011-11-06 23:00+00', '2026-11-01 02:00+00']) as day, generate_series(0, 120) n
            """);
        await service.AssertDaysEqualRecountAsync(database, zone, "by drains");
        await WaitForRollupAsync(service);
        await using var second = await RunningService.StartAsync(database.ConnectionString, $"--Counts:TimeZone={zone}");
        await second.AssertDaysEqualRecountAsync(database, zone, "from the rollup");
        await database.ExecuteAsync("delete from tweet.activity");
        await second.AssertDaysEqualRecountAsync(database, zone, "after a deletion");
        Assert.That(second.Log.Has("Reloading"), Is.False);
    }

    [Test]
    public async Task TimeZone_Changed_IsCountedAfreshAndThenWrittenBack()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) select 1 + n % 5, 'fav', timestamptz '2026-03-28 00:00+00' + n * interval '1 hour' from generate_series(0, 47) n");
        await using (var first = await RunningService.StartAsync(database.AsCounts))
        {
            await first.AssertDaysEqualRecountAsync(database);
            await WaitForRollupAsync(first);
        }

        await using (var second = await RunningService.StartAsync(database.AsCounts, "--Counts:TimeZone=Asia/Kathmandu"))
        {
            Assert.That(second.Log.Count(Counted), Is.EqualTo(1));
            await second.AssertDaysEqualRecountAsync(database, "Asia/Kathmandu");
            await WaitForRollupAsync(second);
        }

        await using var third = await RunningService.StartAsync(database.AsCounts, "--Counts:TimeZone=Asia/Kathmandu");
        Assert.That((third.Log.Count(FromRollup), third.Log.Count(Counted)), Is.EqualTo((1, 0)));
        await third.AssertDaysEqualRecountAsync(database, "Asia/Kathmandu");
        await third.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task TimeZone_ThatAnotherServiceChanges_LeavesTheDaysOfThisOne()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var first = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(5);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) select 1 + n % 5, 'fav', timestamptz '2026-03-28 00:00+00' + n * interval '1 hour' from generate_series(0, 47) n");
        await WaitForRollupAsync(first);
        await using var second = await RunningService.StartAsync(database.ConnectionString, "--Counts:TimeZone=Europe/Berlin");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) values (1, 'rt', '2026-03-28 23:30+00')");
        await first.AssertDaysEqualRecountAsync(database);
        await second.AssertDaysEqualRecountAsync(database, "Europe/Berlin");
    }

    private static async Task WaitForRollupAsync(RunningService service)
    {
        var status = service.Services.GetRequiredService<RollupStatus>();
        await Wait.UntilAsync(() => status.Age is not null, RunningService.Patience, $"the counts are written back ({status.Detail})");
    }

    // As a dump brings it from a server that knew it; PST8PDT without a file of its own would be taken as a rule.
    [TestCase("Mars/Phobos")]
    [TestCase("ABC8DEF")]
    public async Task Zone_ThatIsSetAndTheServerDoesNotKnow_IsRefused(string zone)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.ExecuteAsync($"update twcache.day_zone set zone = '{zone}'");
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var connection = await source.OpenConnectionAsync();

        var error = await Assert.ThrowsAsync<DatabaseSetupException>(() => DayZone.SetAsync(connection, zone, CancellationToken.None));

        Assert.That(error!.Message, Does.Contain(zone).And.Contain("Counts:TimeZone"));
    }
}
