using CacheService.Counts;
using CacheService.Feed;
using CacheService.Feed.Postgres;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.IntegrationTests.Feed;

internal sealed class ChangeLogReaderTests
{
    /// <summary>What a drain looks at when the one before has found nothing.</summary>
    private const string UnchangedQuery = "select pg_current_snapshot()::text = $1%";

    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(30);

    private static IEnumerable<TestCaseData> Happenings() =>
    [
        new TestCaseData("insert into tweet.activity (messageid, action) values (1, 'rt')").SetArgDisplayNames("a retweet"),
        new TestCaseData("begin; insert into tweet.activity (messageid, action) values (1, 'rt'); rollback").SetArgDisplayNames("a retweet that is rolled back"),
        new TestCaseData("delete from tweet.message where messageid = 2").SetArgDisplayNames("a message goes"),
        new TestCaseData("truncate tweet.activity").SetArgDisplayNames("a truncation"),
        new TestCaseData("alter table tweet.activity disable trigger twcache_activity_insert").SetArgDisplayNames("a trigger that is disabled"),
        new TestCaseData("create or replace function twcache.as_time(timestamptz) returns timestamptz language sql immutable as 'select null::timestamptz'").SetArgDisplayNames("a function that is replaced"),
        new TestCaseData("alter type tweet.action_t add value 'quote'").SetArgDisplayNames("a new label"),
        new TestCaseData("create table tweet.more () inherits (tweet.activity)").SetArgDisplayNames("a child"),
        new TestCaseData("vacuum full tweet.activity").SetArgDisplayNames("a new file"),
        new TestCaseData("create rule quiet as on insert to twcache.change do instead nothing").SetArgDisplayNames("a rule of the log"),
        new TestCaseData("update twcache.consumer set renewal = renewal + 1").SetArgDisplayNames("a renewal"),
        new TestCaseData("delete from twcache.consumer").SetArgDisplayNames("the consumer goes"),
        new TestCaseData("delete from twcache.change_identity").SetArgDisplayNames("the identity goes"),
        new TestCaseData("begin; select setval('twcache.lapse', last_value + 1) from twcache.lapse").SetArgDisplayNames("a lapse, by a transaction that is still open"),
        new TestCaseData("begin; select setval('twcache.lease', last_value - 5) from twcache.lease").SetArgDisplayNames("a shorter lease, by a transaction that is still open"),
    ];

    [TestCaseSource(nameof(Happenings))]
    public async Task Drain_AfterOneThatFoundNothing_FindsWhatAFreshReaderDoes(string happening)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(2);
        await using var connections = await ConnectAsync(database);
        using var reader = await OpenReaderAsync(connections);
        var registration = await RegisterAsync(connections, reader);
        PgSnapshot since = null!;
        DrainResult first = null!, second = null!;
        await Wait.UntilAsync(
            async () =>
            {
                since = PgSnapshot.Parse(await database.QueryAsync<string>("select pg_current_snapshot()::text"));
                (first, second) = (Drain(reader), Drain(reader));
                return since.IsSameAs(second.Snapshot);
            },
            RunningService.Patience,
            "nobody else does anything, such as autovacuum");
        Assert.That(Described(second), Is.EqualTo(Described(first)), "nothing has happened");
        Assert.That(second.StartedAt, Is.GreaterThan(first.StartedAt), "and what was found is younger");
        Assert.That(await DrainsAskingWhetherAnythingChangedAsync(), Is.EqualTo(1), "without looking at everything again");

        await using var other = await database.OpenAsync();
        await other.ExecuteAsync(happening);
        var later = Drain(reader);

        using var fresh = await OpenReaderAsync(connections);
        var expected = Drain(fresh);
        await Wait.UntilAsync(
            () =>
            {
                var isSame = later.Snapshot.IsSameAs(expected.Snapshot);
                (later, expected) = isSame ? (later, expected) : (Drain(reader), Drain(fresh));
                return isSame;
            },
            RunningService.Patience,
            "both have read the same state");
        Assert.That(Described(later), Is.EqualTo(Described(expected)));

        DrainResult Drain(ChangeLogReader with) => with.Drain(since, registration, new DrainOrder(DrainPrelude.None, DrainDepth.Footprint), DrainTimeout);

        Task<long> DrainsAskingWhetherAnythingChangedAsync() => database.QueryAsync<long>(
            $"select count(*) from pg_stat_activity where datname = current_database() and application_name like '% reader {connections.Instance}' and ltrim(query, E' \n') like '{UnchangedQuery}'");
    }

    [Test]
    public async Task Drain_AfterOneThatFoundNothing_SeesATransactionThatWasOpenEnd()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);
        await using var connections = await ConnectAsync(database);
        using var reader = await OpenReaderAsync(connections);
        var registration = await RegisterAsync(connections, reader);
        await using var open = await database.OpenAsync();
        await open.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt')");
        // Another transaction ends, so that the open one lies within the snapshot.
        await database.AddMessagesAsync(1);
        var since = PgSnapshot.Parse(await database.QueryAsync<string>("select pg_current_snapshot()::text"));
        Assert.That(since.InProgress, Is.Not.Empty);
        Assert.That(Drain().Changes, Is.Empty);
        Assert.That(Drain().Changes, Is.Empty);

        await open.ExecuteAsync("commit");

        Assert.That(Drain().Changes, Is.EqualTo(new[] { new CountChange(1, 1, 0, 0) }));

        DrainResult Drain() => reader.Drain(since, registration, new DrainOrder(DrainPrelude.None, DrainDepth.Footprint), DrainTimeout);
    }

    [Test]
    public async Task Drain_AfterOneThatFoundNothing_KeepsToItsBudgetOfAllocatedBytes()
    {
        const int Drains = 100;
        const long Budget = 450;
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var connections = await ConnectAsync(database);
        using var reader = await OpenReaderAsync(connections);
        var registration = await RegisterAsync(connections, reader);
        var since = PgSnapshot.Parse(await database.QueryAsync<string>("select pg_current_snapshot()::text"));

        // The least of some: now and then somebody else does something, such as autovacuum.
        var least = long.MaxValue;
        for (var round = 0; round < 5; round++)
        {
            since = Drain().Snapshot;
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var n = 0; n < Drains; n++)
            {
                Drain();
            }

            least = Math.Min(least, (GC.GetAllocatedBytesForCurrentThread() - before) / Drains);
        }

        await TestContext.Out.WriteLineAsync($"a drain after one that found nothing: {least} bytes, of {Budget}");
        Assert.That(least, Is.LessThanOrEqualTo(Budget));

        DrainResult Drain() => reader.Drain(since, registration, new DrainOrder(DrainPrelude.None, DrainDepth.Footprint), DrainTimeout);
    }

    [Test]
    public async Task TellOthers_SessionWasEnded_SaysSo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var connections = await ConnectAsync(database);
        using var reader = await OpenReaderAsync(connections);

        await Wait.UntilAsync(async () => await database.TerminateServiceAsync("reader") == 0, RunningService.Patience, "the session has ended");

        // Else the next drain would not know what happened, and load everything afresh.
        var error = Assert.Catch<NpgsqlException>(reader.TellOthers);
        Assert.That(DatabaseErrors.Describe(error!), Does.Contain("57P01").Or.Contain("stream"));
    }

    private static async Task<PostgresConnections> ConnectAsync(TestDatabase database)
    {
        var connections = new PostgresConnections(new DatabaseAddress(database.ConnectionString), Options.Create(new DatabaseOptions()), NullLogger<PostgresConnections>.Instance);
        await connections.ChoosePrimaryAsync(CancellationToken.None);
        return connections;
    }

    private static Task<ChangeLogReader> OpenReaderAsync(PostgresConnections connections) => ChangeLogReader.OpenAsync(connections, new FeedOptions(), "UTC", TimeProvider.System);

    private static async Task<Registration> RegisterAsync(PostgresConnections connections, ChangeLogReader reader)
    {
        var book = new ConsumerBook(connections, Options.Create(new FeedOptions()));
        var registration = await book.RegisterAsync(reader.ReadBaseline(), trustsOthers: true, CancellationToken.None);
        await registration.BeginLoadAsync(CancellationToken.None);
        return registration;
    }

    // All but the times.
    private static string Described(DrainResult drain) => string.Join(
        '\n',
        $"{drain.Snapshot} {drain.Identity} renewal {drain.Renewal}, {drain.SentRenewals} sent, lapse {drain.Lapse}, lease {drain.Lease}, {drain.Consumers} caches",
        drain.Footprint,
        string.Join(' ', drain.Changes),
        string.Join(' ', drain.DayChanges),
        (drain.Truncated, drain.HasStrangeRows, drain.HasRowsOfOtherTables));
}
