using CacheService.Auditing;
using CacheService.IntegrationTests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;
using AuditedCounts = CacheService.Auditing.AuditedCounts;

namespace CacheService.IntegrationTests.Auditing;

/// <summary>Audits of what is slow, and of tables that are not as ours.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class OddTablesTests
{
    /// <summary>What the change log has forgotten.</summary>
    private const string Forgotten = "; delete from twcache.change where xid = pg_current_xact_id()";

    private TestDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase() => _database = await TestDatabase.CreateAsync();

    [TearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Audit_OfAMessageThatTakesTooLong_ComparesTheOthersAndReportsIt()
    {
        await _database.ApplySchemaAsync();
        await _database.AddMessagesAsync(50);
        // A label that takes a minute to read, of which this message alone has a row.
        await _database.ExecuteAsync(
            """
            insert into tweet.activity (messageid, action) values (16, 'de-rt');
            create function tweet.read_slowly(tweet.action_t) returns text language plpgsql as
              $$ begin if $1 = 'de-rt' then perform pg_sleep(60); end if; return enumlabel from pg_enum where enumtypid = 'tweet.action_t'::regtype and enumsortorder = array_position(enum_range(null::tweet.action_t), $1); end $$;
            create cast (tweet.action_t as text) with function tweet.read_slowly(tweet.action_t)
            """);
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0", "--Audit:MaxMessageTime=00:00:04");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav'), (16, 'fav'), (50, 'fav')" + Forgotten);

        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());
        Assert.That((audit.Messages, audit.Differences, audit.Uncompared), Is.EqualTo((49, 2, 1)));
        Assert.That(audit.FirstUncompared, Is.EqualTo(new[] { 16L }));
        Assert.That(
            service.Log.Entries.Single(entry => entry.EventName == "AuditLeftOut").Message,
            Is.EqualTo("1 messages could not be compared, because the count of their activity took longer than 00:00:04: 16. Give them more time by Audit:MaxMessageTime"));
        Assert.That(service.Services.GetRequiredService<Auditor>().Summary.Audits, Is.EqualTo(1));
    }

    [Test]
    public async Task Audit_WithoutAnIndex_IsSlowAndRight()
    {
        await _database.ApplySchemaAsync();
        await _database.AddMessagesAsync(3000);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message, generate_series(1, 3)");
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0");
        await _database.ExecuteAsync(
            """
            do $$
            declare name regclass;
            begin
              for name in select indexrelid from pg_index where indrelid = 'tweet.activity'::regclass and not indisprimary
              loop execute format('drop index %s', name); end loop;
            end $$
            """);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav'), (2999, 'fav')" + Forgotten);

        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());
        Assert.That((audit.Messages, audit.Differences, audit.Repaired), Is.EqualTo((3000, 2, 2)));
        await service.AssertEqualsViewAsync(_database);
    }

    [Test]
    public async Task Recount_OfTablesWithOtherTypesAndPartitionsAndNoKeys_IsThatOfTheView()
    {
        // A schema of somebody else's, of which the audit's statements see the tables only.
        await _database.ApplySchemaAsync();
        await _database.ExecuteAsync(
            """
            drop view tweet.message_with_counters;
            drop table tweet.activity, tweet.message;
            create table tweet.message (messageid int, userid bigint, message text) partition by range (messageid);
            create table tweet.message_1 partition of tweet.message for values from (minvalue) to (10);
            create table tweet.message_2 partition of tweet.message for values from (10) to (maxvalue);
            create table tweet.activity (messageid smallint, datetime timestamptz default now(), action text) partition by range (datetime);
            create table tweet.activity_1 partition of tweet.activity for values from ('2000-01-01') to ('2020-01-01');
            create table tweet.activity_2 partition of tweet.activity default;
            insert into tweet.message select n, 1, 'm' from generate_series(1, 20) n;
            insert into tweet.activity (messageid, datetime, action) values
              (1, '2010-01-01', 'rt'), (1, now(), 'rt'), (1, now(), 'fav'), (15, now(), 'de-rt'), (15, now(), 'seen'), (null, now(), 'rt'), (99, now(), 'rt'), (-5, now(), 'rt');
            """);
        await using var connection = await _database.OpenAsync();
        var reader = new RecountReader(connection);
        Assert.That(await reader.IsIndexedAsync(CancellationToken.None), Is.False);

        var some = await reader.RecountAsync("nobody", 1, new RangeSize(TimeSpan.FromSeconds(20)), 10, CancellationToken.None);
        Assert.That((some.Last, some.IsOurs, some.Counts.Count, some.Counts[1]), Is.EqualTo((10, false, 10, new AuditedCounts(2, 1))));
        var all = await reader.RecountAsync("nobody", long.MinValue, new RangeSize(TimeSpan.FromSeconds(20)), long.MaxValue, CancellationToken.None);
        Assert.That((all.Last, all.Counts.Count, all.Counts[1], all.Counts[15]), Is.EqualTo((long.MaxValue, 20, new AuditedCounts(2, 1), new AuditedCounts(-1, 0))));
        var few = await reader.RecountAsync("nobody", [15, 99], 99, TimeSpan.FromSeconds(20), CancellationToken.None);
        Assert.That(few.Counts, Is.EquivalentTo(new[] { KeyValuePair.Create(15L, new AuditedCounts(-1, 0)) }), "there is no message 99");

        await _database.ExecuteAsync("create index on tweet.activity (messageid)");
        Assert.That(await reader.IsIndexedAsync(CancellationToken.None));
    }
}
