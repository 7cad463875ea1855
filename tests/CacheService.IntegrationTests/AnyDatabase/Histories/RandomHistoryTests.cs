using System.Diagnostics;
using System.Globalization;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.AnyDatabase.Histories;

/// <summary>Random histories with changes to the footing of the counts among them: never LIVE and wrong.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class RandomHistoryTests
{
    /// <summary>Set to a printed seed to run that history again.</summary>
    private const string SeedVariable = "TWCACHE_TEST_SEED";

    /// <summary>How many steps a run has; a longer one on request.</summary>
    private const string StepsVariable = "TWCACHE_TEST_STEPS";


    [TestCase("change")]
    [TestCase("table")]
    public async Task Counts_ThroughARandomHistory_AreNeverLiveAndWrong(string log)
    {
        var (seed, steps) = (Setting(SeedVariable, Random.Shared.Next()), Setting(StepsVariable, 300));
        await TestContext.Progress.WriteLineAsync($"{SeedVariable}={seed} {StepsVariable}={steps}");
        await using var server = await PrivateServer.StartAsync();
        await using var database = await TrialDatabase.CreateAsync(Shapes.ActivityByRange, server, log);
        await using var trial = await Trial.StartAsync(database);
        var started = Stopwatch.GetTimestamp();
        var history = new RandomHistory(server, database, trial, seed);

        try
        {
            await history.RunAsync(steps);
        }
        finally
        {
            await TestContext.Progress.WriteLineAsync(
                $"{SeedVariable}={seed}: {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s; {history.Summary}; {trial.Service.Log.Count("CountsLoaded")} loads, {trial.Service.Status.Drains} drains");
        }

        await trial.FinishAsync();
    }

    [TestCase("change")]
    [TestCase("table")]
    public async Task Counts_BesideWritersAndChangesOfTheFooting_AreNeverTooYoung(string log)
    {
        var (seed, steps) = (Setting(SeedVariable, Random.Shared.Next()), Setting(StepsVariable, 300) / 20);
        await TestContext.Progress.WriteLineAsync($"{SeedVariable}={seed} {StepsVariable}={steps * 20}");
        var random = new Random(seed);
        await using var database = await TrialDatabase.CreateEmptyAsync();
        await database.ExecuteAsync(Shapes.ActivityByRange);
        await FaultStatements.PrepareAsync(database);
        await database.ExecuteAsync($"select * from twcache.set_log('{log}')");
        await database.GrantReaderAsync();
        await using var run = await FaultRun.StartPreparedAsync("changes of what the counts stand on", database, () => FaultService.StartHereAsync(database.AsCounts));

        for (var step = 1; step <= steps; step++)
        {
            var (change, mend) = await ChangeAsync(database, random);
            await RunUntilDoneAsync(database, change);
            await run.Writers.WriteMoreAsync(random.Next(30));
            if (mend.Length > 0)
            {
                await RunUntilDoneAsync(database, mend);
            }

            await run.EndFaultAsync();
            Assert.That(run.Checker.Violations, Is.Empty, $"step {step}: {change}");
        }

        await run.FinishAsync();
    }

    /// <summary>A change that loses no row, and what mends it.</summary>
    private static async Task<(string Change, string Mend)> ChangeAsync(TrialDatabase database, Random random)
    {
        var triggers = await database.QueryAsync<string[]>(
            "select array_agg(tgrelid::regclass || ' ' || tgname order by 1) from pg_trigger where tgrelid in ('tweet.activity'::regclass, 'tweet.message'::regclass) and not tgisinternal and tgname like 'twcache%'");
        var (table, trigger) = triggers[random.Next(triggers.Length)].Split(' ') switch { var parts => (parts[0], parts[1]) };
        return random.Next(8) switch
        {
            0 => ($"alter table {table} disable trigger {trigger}", $"alter table {table} enable always trigger {trigger}"),
            1 => ($"alter table {table} enable replica trigger {trigger}", $"alter table {table} enable always trigger {trigger}"),
            2 => ($"alter table {table} disable trigger {trigger}; insert into tweet.activity (messageid, action) select min(messageid), 'rt' from tweet.message; alter table {table} enable always trigger {trigger}", ""),
            3 => ($"alter table {table} enable row level security", $"alter table {table} disable row level security"),
            4 => ("alter table tweet.activity detach partition tweet.activity_old", "alter table tweet.activity attach partition tweet.activity_old for values from (minvalue) to ('2020-01-01')"),
            5 => ("create table tweet.activity_2000 (like tweet.activity including all); drop table tweet.activity_2000", ""),
            6 => ("alter table tweet.activity rename to activity_kept; alter table tweet.activity_kept rename to activity", ""),
            _ => ("update twcache.change_identity set id = gen_random_uuid()", ""),
        };
    }

    private static Task RunUntilDoneAsync(TrialDatabase database, string sql) => Wait.UntilAsync(
        async () =>
        {
            try
            {
                await database.ExecuteAsync(sql);
                return true;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                return false;
            }
        },
        RunningService.Patience,
        sql);

    private static int Setting(string name, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var given) ? given : otherwise;
}
