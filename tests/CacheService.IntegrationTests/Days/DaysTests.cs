using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Days;

/// <summary>The days equal a count of the tables after whatever is done to activity, without a load.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class DaysTests
{
    /// <summary>Without foreign key, and with columns that may be null.</summary>
    private const string Loose =
        $"""
        {Shapes.UsersMessagesActions}
        create table tweet.activity (id bigint not null default nextval('tweet.activity_id') primary key, messageid bigint, datetime timestamptz default now(), action tweet.action_t);
        """;

    private const string WithoutZone = $"{Shapes.UsersMessagesActions} create table tweet.activity (id bigint not null default nextval('tweet.activity_id') primary key, messageid bigint not null references tweet.message on update cascade on delete cascade, datetime timestamp not null default now(), action tweet.action_t not null);";

    private const string OfADomain = $"{Shapes.UsersMessagesActions} create domain tweet.moment as timestamptz; create table tweet.activity (id bigint not null default nextval('tweet.activity_id') primary key, messageid int not null, datetime tweet.moment not null default now(), action text not null);";

    private static readonly string[] Statements =
    [
        "insert into tweet.activity (messageid, action) values (1, 'rt'), (1, 'fav'), (2, 'de-rt'), (2, 'de-fav')",
        // Late rows, of more than a hundred, after which the triggers group.
        "insert into tweet.activity (messageid, action, datetime) values (1, 'rt', '2020-02-29 12:00+00'), (3, 'fav', '1999-12-31 23:30+00'), (3, 'de-fav', '1999-12-31 23:30+00')",
        "insert into tweet.activity (messageid, action, datetime) select 1 + n % 5, 'rt', timestamptz '2019-06-01 00:00+00' + n * interval '100 min' from generate_series(1, 500) n",
        "insert into tweet.activity (messageid, action, datetime) values (5, 'fav', '2031-01-01 00:00+00')",
        "begin; insert into tweet.activity (messageid, action, datetime) values (5, 'fav', '2015-01-01 00:00+00'); rollback",
        "update tweet.activity set datetime = datetime - interval '40 days' where messageid = 1",
        "update tweet.activity set datetime = '2018-01-01 00:00+00' where messageid = 2",
        "update tweet.activity set datetime = datetime where messageid = 2",
        "update tweet.activity set action = 'de-fav' where action = 'fav' and messageid = 3",
        "update tweet.activity set messageid = 4 where messageid = 3",
        "update tweet.activity set messageid = 1, action = 'fav', datetime = datetime + interval '3 years' where messageid = 4",
        "update tweet.activity set datetime = 'infinity' where messageid = 5 and action = 'fav'",
        "insert into tweet.activity (messageid, action, datetime) values (2, 'rt', 'infinity'), (2, 'rt', '-infinity'), (2, 'rt', '0044-03-15 12:00+00 BC'), (2, 'fav', '10000-06-01 00:00+00')",
        "insert into tweet.activity (messageid, action, datetime) values (2, 'rt', '0001-01-01 00:00:00+00'), (2, 'rt', '9999-12-31 23:59:59+00'), (2, 'rt', '0001-12-31 23:59:59+00 BC'), (2, 'rt', '10000-01-01 00:00+00')",
        "update tweet.activity set datetime = '2022-02-02 22:22+00' where datetime in ('infinity', '-infinity') or datetime < '0001-01-01 00:00+00'",
        "begin; insert into tweet.activity (messageid, action, datetime) values (5, 'fav', '2015-01-01 00:00+00'); delete from tweet.activity where datetime = '2015-01-01 00:00+00'; commit",
        "insert into tweet.message (messageid, userid, message) select 900, userid, 'to be moved' from tweet.users limit 1; insert into tweet.activity (messageid, action) values (900, 'rt')",
        "update tweet.message set messageid = 901 where messageid = 900",
        "delete from tweet.activity where messageid = 1 and action = 'rt'",
        "delete from tweet.message where messageid = 2",
        "truncate tweet.activity",
        "insert into tweet.activity (messageid, action, datetime) values (1, 'rt', '2020-02-29 12:00+00'), (1, 'rt', now())",
    ];

    private static readonly TestCaseData[] AllShapes =
    [
        new TestCaseData("").SetName("Days_OfOurTables"),
        new TestCaseData("", "Table").SetName("Days_OfTheTableAsItsOwnLog"),
        new TestCaseData(WithoutZone, "Table").SetName("Days_OfTimesWithoutZoneInTheTableAsItsOwnLog"),
        new TestCaseData(Shapes.ActivityByRange, "Table").SetName("Days_OfPartitionsByTimeInTheTableAsItsOwnLog"),
        new TestCaseData(Loose).SetName("Days_WithoutForeignKey"),
        new TestCaseData(WithoutZone).SetName("Days_OfTimesWithoutZone"),
        new TestCaseData(OfADomain).SetName("Days_OfADomainAndActionsOfText"),
        new TestCaseData(Shapes.ActivityByRange).SetName("Days_OfPartitionsByTime"),
        new TestCaseData(Shapes.ActivityByHash).SetName("Days_OfPartitionsByMessage"),
        new TestCaseData(Shapes.ActivityInherited).SetName("Days_OfInheritedTables"),
    ];

    [TestCaseSource(nameof(AllShapes))]
    public async Task Days_AfterAnyStatement_EqualARecount(string shape, string? log = null)
    {
        const string Zone = "America/St_Johns";
        await using var database = await TrialDatabase.CreateAsync(shape);
        // Only the owner, or a superuser, may bring the table to another form.
        await using var service = log is null
            ? await RunningService.StartAsync(database.AsCounts, $"--Counts:TimeZone={Zone}")
            : await RunningService.StartAsync(database.ConnectionString, $"--Counts:TimeZone={Zone}", $"--Feed:Log={log}");
        await service.AssertDaysEqualRecountAsync(database, Zone, "at the load");
        foreach (var statement in Statements)
        {
            await database.ExecuteAsync(statement);
            await service.AssertDaysEqualRecountAsync(database, Zone, $"after {statement}");
        }

        await service.AssertEqualsViewAsync(database);
        Assert.That(service.Log.Entries.Where(entry => entry.EventName == "Reloading").Select(entry => entry.Message), Has.All.Contains("truncated"), "nothing else makes it load");
        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());
        Assert.That((audit.Days, audit.DayDifferences, audit.DaysUncompared), Is.EqualTo((2, 0, "")));
        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())) is { Days: 2, DayTimeZone: Zone });
    }

    [Test]
    public async Task Days_OfActivityOfNobodyOrWithoutTime_AreThoseOfTheRule()
    {
        await using var database = await TrialDatabase.CreateAsync(Loose);
        await database.ExecuteAsync("truncate tweet.activity");
        await using var service = await RunningService.StartAsync(database.AsCounts);

        foreach (var statement in (string[])
        [
            // Of no message, and without a time.
            "insert into tweet.activity (messageid, action, datetime) values (777, 'rt', '2020-01-01 00:00+00'), (1, 'rt', null), (null, 'rt', '2020-01-02 00:00+00'), (1, null, '2020-01-03 00:00+00')",
            "update tweet.activity set datetime = '2020-01-04 00:00+00' where datetime is null",
            "update tweet.activity set messageid = 2 where messageid is null",
            "update tweet.activity set datetime = null where messageid = 777",
            "update tweet.activity set action = 'fav' where action is null",
        ])
        {
            await database.ExecuteAsync(statement);
            await service.AssertDaysEqualRecountAsync(database, when: $"after {statement}");
        }

        var days = await service.Client.ListDailyCountsAsync(new ListDailyCountsRequest());
        Assert.That(days.Days.Select(DaysRecount.Show), Is.EqualTo(new[] { "2020-01-02 1/0/0/0", "2020-01-03 0/0/1/0", "2020-01-04 1/0/0/0" }));
        Assert.That(service.Log.Has("Reloading"), Is.False);
    }

    [Test]
    public async Task Days_AfterACopyOverManyDays_EqualARecount()
    {
        const int Rows = 100_000;
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Counts:TimeZone=Europe/Berlin");
        await database.AddMessagesAsync(1000);
        await using (var connection = await database.OpenAsync())
        await using (var copy = await connection.BeginTextImportAsync("copy tweet.activity (messageid, action, datetime) from stdin"))
        {
            string[] actions = ["rt", "fav", "de-rt", "de-fav"];
            for (var row = 0; row < Rows; row++)
            {
                await copy.WriteLineAsync($"{1 + (row * 7 % 1000)}\t{actions[row % 4]}\t{new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddMinutes(row * 11):u}");
            }
        }

        await service.AssertDaysEqualRecountAsync(database, "Europe/Berlin");
        var days = await service.Client.ListDailyCountsAsync(new ListDailyCountsRequest());
        Assert.That(days.Days.Sum(day => day.Retweets + day.UndoneRetweets + day.Likes + day.UndoneLikes), Is.EqualTo(Rows));
        Assert.That(days.Days, Has.Count.GreaterThan(700));
        Assert.That(service.Log.Has("Reloading"), Is.False);
        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Days_OfARange_AreThose()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) select 1, 'rt', timestamptz '2000-01-01 12:00+00' + n * interval '1 day' from generate_series(0, 3660) n");

        Assert.That(await ListAsync("2000-02-28", "2000-03-01"), Is.EqualTo(new[] { "2000-02-28", "2000-02-29", "2000-03-01" }));
        Assert.That(await ListAsync("", "2000-01-02"), Is.EqualTo(new[] { "2000-01-01", "2000-01-02" }));
        Assert.That(await ListAsync("2010-01-08", ""), Is.EqualTo(new[] { "2010-01-08" }));
        Assert.That(await ListAsync("2010-01-09", ""), Is.Empty);
        Assert.That(await ListAsync("2000-01-02", ""), Has.Count.EqualTo(3660));
        foreach (var (request, words) in new[]
        {
            (new ListDailyCountsRequest(), "3661 days with activity lie in this range; ask for at most 3660 at a time"),
            (new ListDailyCountsRequest { From = "tomorrow" }, "from is no day"),
            (new ListDailyCountsRequest { From = "2000-01-02", To = "2000-01-01" }, "from is a later day than to"),
            (new ListDailyCountsRequest { From = "2000-01-02", Read = new ReadOptions { Source = ReadSource.Database } }, "days come from the cache only"),
        })
        {
            var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Client.ListDailyCountsAsync(request));
            Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.InvalidArgument));
            Assert.That(error.Status.Detail, Does.Contain(words));
        }

        async Task<IReadOnlyList<string>> ListAsync(string from, string to) =>
            [.. (await service.Client.ListDailyCountsAsync(new ListDailyCountsRequest { From = from, To = to, Read = new ReadOptions { Strong = true } })).Days.Select(day => day.Day)];
    }

    [TestCase("create table tweet.activity (id bigint not null default nextval('tweet.activity_id') primary key, messageid bigint not null, action tweet.action_t not null)", TestName = "Days_WithoutAColumnForTheTime_AreRefusedInWords")]
    [TestCase("create table tweet.activity (id bigint not null default nextval('tweet.activity_id') primary key, messageid bigint not null, datetime text default now()::text, action tweet.action_t not null)", TestName = "Days_WhoseTimeIsAText_AreRefusedInWords")]
    public async Task Days_ThatTheTableDoesNotTell_AreRefusedInWords(string activity)
    {
        await using var database = await TrialDatabase.CreateAsync(Shapes.UsersMessagesActions + activity);
        await using var service = await RunningService.StartAsync(database.AsCounts);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
        await service.AssertEqualsViewAsync(database);

        var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Client.ListDailyCountsAsync(new ListDailyCountsRequest { Read = new ReadOptions { Strong = true } }));
        Assert.That((error!.StatusCode, error.Status.Detail), Is.EqualTo((StatusCode.FailedPrecondition, CacheService.Reading.ReadRefusedException.NoDays().Message)));
        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())).DayTimeZone, Is.Empty);
        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());
        Assert.That((audit.Days, audit.DayDifferences, audit.DaysUncompared), Is.EqualTo((0, 0, "")));

        // As the error says; then there are days, of what comes from now on.
        await database.ExecuteAsync(activity.Contains("datetime", StringComparison.Ordinal)
            ? "alter table tweet.activity alter datetime drop default, alter datetime type timestamptz using datetime::timestamptz"
            : "alter table tweet.activity add datetime timestamptz, alter datetime set default now()");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, datetime) values (1, 'rt', '2020-02-29 12:00+00')");
        await Wait.UntilAsync(
            async () => (await service.Client.GetStatusAsync(new GetStatusRequest())) is { State: FeedState.Live, DayTimeZone: "UTC" }, RunningService.Patience, "the days are kept");
        await service.AssertDaysEqualRecountAsync(database);
    }

    [Test]
    public async Task Days_ThatChangedUnrecorded_AreFoundAndCorrectedByAnAudit()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(5);
        await database.ExecuteAsync(
            "begin; insert into tweet.activity (messageid, action, datetime) values (1, 'fav', '2020-02-29 12:00+00'); delete from twcache.change where xid = pg_current_xact_id(); commit");
        Assert.That((await service.Client.ListDailyCountsAsync(new ListDailyCountsRequest { Read = new ReadOptions { Strong = true } })).Days, Is.Empty, "nobody could know");

        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());
        Assert.That((audit.Differences, audit.Days, audit.DayDifferences), Is.EqualTo((1, 1, 1)));
        await service.AssertDaysEqualRecountAsync(database);
        Assert.That(service.Log.Entries.Single(entry => entry.EventName == "AuditDayDifferences").Message, Does.Contain("2020-02-29 has 0/0/0/0 instead of 0/0/1/0"));
        Assert.That((await service.Client.AuditNowAsync(new AuditNowRequest())).DayDifferences, Is.Zero);
        Assert.That(service.Log.Has("Reloading"), Is.False);
    }
}
