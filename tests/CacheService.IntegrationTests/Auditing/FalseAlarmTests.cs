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

    /// <summary>Set to audit for longer.</summary>
    private const string SecondsVariable = "TWCACHE_TEST_AUDIT_SECONDS";

    [Test]
    public Task Audits_WhileSlowAndFastTransactionsRun_FindNothing() => AuditAsync([], WriteSlowlyAsync, WriteSlowlyAsync);

    [Test]
    public Task Audits_WhileDrainsAreLate_FindNothing() => AuditAsync(["--Feed:MinDrainInterval=00:00:00.120"], WriteSlowlyAsync);

    [Test]
    public async Task Audits_WhileTablesAreTruncated_FindNothing()
    {
        var loads = await AuditAsync([], TruncateAsync);
        Assert.That(loads, Is.Positive, "the counts were loaded afresh under the audits");
    }

    private static async Task<int> AuditAsync(string[] settings, params Func<TestDatabase, Func<bool>, Task<int>>[] moreWriters)
    {
        var duration = TimeSpan.FromSeconds(double.TryParse(Environment.GetEnvironmentVariable(SecondsVariable), CultureInfo.InvariantCulture, out var seconds) ? seconds : 5);
        await using var database = await TestDatabase.CreateAsync();
        // Renewals and trims of the log as often as there can be.
        await using var service = await RunningService.StartAsync(
            database.ConnectionString, ["--Feed:LeaseDuration=00:00:03", "--Logging:LogLevel:CacheService.Auditing=Debug", .. settings]);
        // More than one range, and counts that take a moment.
        await database.AddMessagesAsync(1500);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message, generate_series(1, 20)");

        var transactions = TransactionGenerator.Transaction.Sample(500).ToArray();
        var started = Stopwatch.GetTimestamp();
        bool IsOver() => Stopwatch.GetElapsedTime(started) > duration;
        var writers = Enumerable.Range(0, Connections).Select(_ => Task.Run(() => WriteAsync(database, transactions, IsOver))).ToList();
        writers.Add(Task.Run(() => WriteOftenAsync(database, IsOver)));
        writers.AddRange(moreWriters.Select(write => Task.Run(() => write(database, IsOver))));
        var (audits, messages) = (0, 0L);
        while (!IsOver())
        {
            if (await TryAuditAsync(service) is not { } audit)
            {
                continue;
            }

            Assert.That(audit.FirstDifferences, Is.Empty, $"audit {audits}");
            Assert.That((audit.Differences, audit.DayDifferences, audit.DaysUncompared), Is.EqualTo((0L, 0L, "")));
            audits++;
            messages += audit.Messages;
        }

        var committed = (await Task.WhenAll(writers)).Sum();
        await service.AssertEqualsViewAsync(database);
        await TestContext.Progress.WriteLineAsync($"{audits} audits of {messages} messages, {committed} transactions committed meanwhile, {service.Log.Count("AuditRetries")} ranges compared again, {service.Log.Count("Reloading")} loads");
        Assert.That(audits, Is.Positive);
        Assert.That(messages, Is.GreaterThan(audits));
        Assert.That(committed, Is.GreaterThan(100));
        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())).AuditDifferences, Is.Zero);
        Assert.That(service.Log.Has("AuditDifferences"), Is.False);
        return service.Log.Count("Reloading");
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

    private static async Task<int> WriteAsync(TestDatabase database, RandomTransaction[] transactions, Func<bool> isOver)
    {
        await using var connection = await database.OpenAsync();
        var committed = 0;
        while (!isOver())
        {
            committed += await TransactionRunner.RunAsync(connection, [transactions[Random.Shared.Next(transactions.Length)]]);
        }

        return committed;
    }

    /// <summary>One row after the other, so that whatever moment an audit chooses, something commits in it.</summary>
    private static async Task<int> WriteOftenAsync(TestDatabase database, Func<bool> isOver)
    {
        await using var connection = await database.OpenAsync();
        await using var insert = new NpgsqlCommand(
            "insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message where messageid >= $1 order by messageid limit 2", connection)
        {
            Parameters = { new NpgsqlParameter<long>() },
        };
        var committed = 0;
        while (!isOver())
        {
            ((NpgsqlParameter<long>)insert.Parameters[0]).TypedValue = Random.Shared.Next(2000);
            try
            {
                await insert.ExecuteNonQueryAsync();
                committed++;
            }
            catch (PostgresException)
            {
                // The message went meanwhile.
            }
        }

        return committed;
    }

    /// <summary>Transactions that are open over whole audits, and then end one way or the other.</summary>
    private static async Task<int> WriteSlowlyAsync(TestDatabase database, Func<bool> isOver)
    {
        await using var connection = await database.OpenAsync();
        var committed = 0;
        while (!isOver())
        {
            var salt = Random.Shared.Next(10_000);
            committed += await TransactionRunner.RunAsync(
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
                ]);
        }

        return committed;
    }

    /// <summary>Empties tables, and fills them again.</summary>
    private static async Task<int> TruncateAsync(TestDatabase database, Func<bool> isOver)
    {
        await using var connection = await database.OpenAsync();
        var committed = 0;
        while (!isOver())
        {
            try
            {
                await connection.ExecuteAsync(
                    $"""
                    begin;
                    truncate {(committed % 2 == 0 ? "tweet.activity" : "tweet.message cascade")};
                    insert into tweet.message (userid, message) select 1, 'again' from generate_series(1, 500);
                    insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message;
                    commit;
                    select pg_sleep(0.3)
                    """);
                committed++;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                // With a writer that has come to the other table first.
                await connection.ExecuteAsync("rollback");
            }
        }

        return committed;
    }
}
