using CacheService.LoadTests.Contenders;
using CacheService.LoadTests.Machine;

namespace CacheService.LoadTests.Writes;

/// <summary>A way to count a retweet, with a database of its own.</summary>
/// <param name="Name">As in the results.</param>
/// <param name="DatabaseName">Of its database.</param>
/// <param name="SetUpSql">Makes its database from one that has the product's triggers; null: it needs nothing more.</param>
/// <param name="OneSql">Counts one retweet of the message <c>:id</c>.</param>
/// <param name="BulkSql">Null, or: counts as many retweets as <c>{0}</c> says in one statement, in turns of all messages, of which there are <c>{1}</c>.</param>
/// <param name="ServiceSettings">Of the service that runs on the database; null: none does.</param>
internal sealed record Writer(string Name, string DatabaseName, string? SetUpSql, string OneSql, string? BulkSql, string[]? ServiceSettings = null)
{
    public const string NoTrigger = "no trigger";
    public const string Notify = "row trigger, JSON in NOTIFY";
    public const string Counter = "update of a counter row";
    public const string Summary = "summary-table trigger";
    public const string CacheRunning = "ours, cache running";
    public const string NoRollup = "ours, nothing written back";
    public const string NoDays = "ours, no days";
    public const string TableLog = "ours, the table its own log";
    public const string NoCache = "ours, no cache";

    private const string InsertOne = "insert into tweet.activity (messageid, action) values (:id, 'rt');";
    private const string InsertMany = "insert into tweet.activity (messageid, action) select 1 + n % {1}, 'rt' from generate_series(1, {0}) n";
    private const string CountOne = "update loadtest.counter set rts = rts + 1 where messageid = :id;";
    private const string CountMany =
        "update loadtest.counter c set rts = rts + n.times from (select 1 + n % {1} as messageid, count(*) as times from generate_series(1, {0}) n group by 1) n where n.messageid = c.messageid";

    public static IReadOnlyList<Writer> All { get; } =
    [
        new(NoTrigger, "load_writes_plain", PlainTables.WithoutTriggersSql, InsertOne, InsertMany),
        new(Notify, "load_writes_notify", PlainTables.WithoutTriggersSql + ";" + NotifyTrigger.CreateSql, InsertOne, InsertMany),
        new(Counter, "load_writes_counter", PlainTables.WithoutTriggersSql + ";" + CounterTable.CreateSql, CountOne, CountMany),
        new(Summary, "load_writes_summary", PlainTables.WithoutTriggersSql + ";" + SummaryTable.CreateSql, InsertOne, InsertMany),
        new(CacheRunning, "load_writes_cache", SetUpSql: null, InsertOne, InsertMany, []),
        new(NoRollup, "load_writes_no_rollup", SetUpSql: null, InsertOne, InsertMany, ["--Rollup:Interval=00:00:00"]),
        new(NoDays, "load_writes_no_days", WithoutDays.SetUpSql, InsertOne, InsertMany, []),
        new(TableLog, "load_writes_table", SetUpSql: null, InsertOne, InsertMany, ["--Feed:Log=Table"]),
        new(NoCache, "load_writes_no_cache", SetUpSql: null, InsertOne, InsertMany),
    ];

    public static Writer Find(string name) => All.Single(writer => writer.Name == name);

    public async Task<LoadDatabase> CreateDatabaseAsync(LoadTestServer server, LoadDatabase template, CancellationToken cancellationToken)
    {
        var database = await LoadDatabase.CreateAsync(server, DatabaseName, template, cancellationToken);
        if (SetUpSql is not null)
        {
            await database.ExecuteAsync(SetUpSql, cancellationToken);
        }

        return database;
    }
}
