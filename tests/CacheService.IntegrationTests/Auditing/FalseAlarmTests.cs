using System.Diagnostics;
using System.Globalization;
using CacheService.IntegrationTests.Feed.RandomTransactions;
using CacheService.IntegrationTests.Infrastructure;
using FsCheck.Fluent;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Auditing;

/// <summary>An audit never finds a difference where there is none, whatever is written meanwhile.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class FalseAlarmTests
{
    private const int Connections = 4;
    private const int FewestCommits = 100;

    /// <summary>Set to audit for longer.</summary>
    private const string SecondsVariable = "TWCACHE_TEST_AUDIT_SECONDS";

    [Test]
    public Task Audits_WhileSlowAndFastTransactionsRun_FindNothing() => AuditAsync(0, [], WriteSlowlyAsync, WriteSlowlyAsync);

    [Test]
    public Task Audits_WhileDrainsAreLate_FindNothing() => AuditAsync(0, ["--Feed:MinDrainInterval=00:00:00.120"], WriteSlowlyAsync);

    [Test]
    public Task Audits_WhileTablesAreTruncated_FindNothing() => AuditAsync(1, [], TruncateAsync);

    /// <summary>Audits beside writers for a time; on a slow machine until enough has been done.</summary>
    /// <param name="fewestLoads">How often the counts are loaded afresh meanwhile, at least.</param>
    /// <param name="settings">The service's.</param>
    /// <param name="moreWriters">Besides those that are in all of these tests.</param>
    private static async Task AuditAsync(int fewestLoads, string[] settings, params Func<TestDatabase, Writing, Task>[] moreWriters)
    {
        var duration = TimeSpan.FromSeconds(double.TryParse(Environment.GetEnvironmentVariable(SecondsVariable), CultureInfo.InvariantCulture, out var seconds) ? seconds : 5);
        await using var database = await TestDatabase.CreateAsync();
        // Renewals and trims of the log each second.
        await using var service = await RunningService.StartAsync(
            database.ConnectionString, ["--Feed:LeaseDuration=00:00:06", "--Logging:LogLevel:CacheService.Auditing=Debug", .. settings]);
        // More than one range, and counts that take a moment.
        await database.AddMessagesAsync(1500);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message, generate_series(1, 20)");

        var transactions = TransactionGenerator.Transaction.Sample(500).ToArray();
        // After the writers have ended, half of the patience is left for the service to become LIVE.
        var longest = duration + (RunningService.Patience / 2);
        var (audits, messages) = (0, 0L);
        var started = Stopwatch.GetTimestamp();
        var writing = new Writing(committed => Stopwatch.GetElapsedTime(started) is var elapsed && elapsed > duration
            && (elapsed > longest || (committed > FewestCommits && Volatile.Read(ref audits) > 0 && service.Log.Count("Reloading") >= fewestLoads)));
        var writers = Enumerable.Range(0, Connections).Select(_ => Task.Run(() => WriteAsync(database, transactions, writing))).ToList();
        writers.Add(Task.Run(() => WriteOftenAsync(database, writing)));
        writers.AddRange(moreWriters.Select(write => Task.Run(() => write(database, writing))));
        // Beside tables that are emptied an audit may not come to its end before the writers do.
        while (!writing.IsOver || (fewestLoads > 0 && messages == 0 && Stopwatch.GetElapsedTime(started) < longest + RunningService.Patience))
        {
            if (await TryAuditAsync(service) is not { } audit)
            {
                continue;
            }

            Assert.That(audit.FirstDifferences, Is.Empty, $"audit {audits}");
            Assert.That((audit.Differences, audit.DayDifferences, audit.DaysUncompared), Is.EqualTo((0L, 0L, "")));
            messages += audit.Messages;
            Volatile.Write(ref audits, audits + (writing.IsOver ? 0 : 1));
        }

        await Task.WhenAll(writers);
        await service.AssertEqualsViewAsync(database);
        await TestContext.Progress.WriteLineAsync(
            $"{audits} audits beside writers, of {messages} messages, {writing.Committed} transactions committed meanwhile, {service.Log.Count("AuditRetries")} ranges compared again, "
            + $"{service.Log.Count("Reloading")} loads");
        Assert.That(audits > 0 || fewestLoads > 0, "some end beside the writers");
        Assert.That(messages, Is.GreaterThan(audits));
        Assert.That(writing.Committed, Is.GreaterThan(FewestCommits));
        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())).AuditDifferences, Is.Zero);
        Assert.That(service.Log.Has("AuditDifferences"), Is.False);
        Assert.That(service.Log.Count("Reloading"), Is.AtLeast(fewestLoads), "the counts were loaded afresh under the audits");
    }

    private static async Task<AuditNowResponse?> TryAuditAsync(RunningService service)
    {
        await service.WaitForLiveAsync();
        try
        {
            return await service.Client.AuditNowAsync(new AuditNowRequest());
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
        {
            // A load has just begun.
            return null;
        }
    }

    private static async Task WriteAsync(TestDatabase database, RandomTransaction[] transactions, Writing writing)
    {
        await using var connection = await database.OpenAsync();
        while (!writing.IsOver)
        {
            writing.Note(await TransactionRunner.RunAsync(connection, [transactions[Random.Shared.Next(transactions.Length)]]));
        }
    }

    /// <summary>One row after the other, so that whatever moment an audit chooses, something commits in it.</summary>
    private static async Task WriteOftenAsync(TestDatabase database, Writing writing)
    {
        await using var connection = await database.OpenAsync();
        await using var insert = new NpgsqlCommand(
            "insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message where messageid >= $1 order by messageid limit 2", connection)
        {
            Parameters = { new NpgsqlParameter<long>() },
        };
        while (!writing.IsOver)
        {
            ((NpgsqlParameter<long>)insert.Parameters[0]).TypedValue = Random.Shared.Next(2000);
            try
            {
                await insert.ExecuteNonQueryAsync();
                writing.Note(1);
            }
            catch (PostgresException)
            {
                // The message went meanwhile.
            }
        }
    }

    /// <summary>Transactions that are open over whole audits, and then end one way or the other.</summary>
    private static async Task WriteSlowlyAsync(TestDatabase database, Writing writing)
    {
        await using var connection = await database.OpenAsync();
        while (!writing.IsOver)
        {
            var salt = Random.Shared.Next(10_000);
            writing.Note(await TransactionRunner.RunAsync(
                connection,
                [
                    new RandomTransaction(
                        "read committed",
                        [
                            $"insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message where messageid % 7 = {salt % 7}",
                            "insert into tweet.message (userid, message) values (1, 'slow'), (1, 'slow')",
                            $"select pg_sleep({(0.02 + (Random.Shared.NextDouble() * 0.1)).ToString(CultureInfo.InvariantCulture)})",
                            "savepoint s",
                            "insert into tweet.activity (messageid, action) select max(messageid), 'fav' from tweet.message",
                            "release savepoint s",
                        ],
                        Commits: salt % 3 > 0),
                ]));
        }
    }

    /// <summary>Empties tables, and fills them again, seldom enough that audits end between.</summary>
    private static async Task TruncateAsync(TestDatabase database, Writing writing)
    {
        await using var connection = await database.OpenAsync();
        var truncations = 0;
        while (!writing.IsOver)
        {
            try
            {
                await connection.ExecuteAsync(
                    $"""
                    begin;
                    truncate {(truncations % 2 == 0 ? "tweet.activity" : "tweet.message cascade")};
                    insert into tweet.message (userid, message) select 1, 'again' from generate_series(1, 500);
                    insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message;
                    commit;
                    select pg_sleep(1)
                    """);
                truncations++;
                writing.Note(1);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                // With a writer that has come to the other table first.
                await connection.ExecuteAsync("rollback");
            }
        }
    }

    /// <summary>What the writers have committed together, and whether that is enough.</summary>
    private sealed class Writing(Func<int, bool> isEnough)
    {
        private int _committed;

        public int Committed => Volatile.Read(ref _committed);

        public bool IsOver => isEnough(Committed);

        public void Note(int committed) => Interlocked.Add(ref _committed, committed);
    }
}
