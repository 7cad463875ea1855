using CacheService.LoadTests.Contenders;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Reads;
using Npgsql;

namespace CacheService.LoadTests.Redis;

/// <summary>What it takes to keep counts in Redis beside PostgreSQL, and what becomes of them when the application that does it is killed.</summary>
internal sealed class RedisPart : ILoadPart
{
    public const string InsertOnly = "insert, no trigger, no Redis";
    public const string InsertAndIncrement = "insert, then HINCRBY in Redis";
    public const string InsertWithCache = "insert, this cache running";
    public const string RedisDrift = "Redis";
    public const string CacheDrift = "this cache";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestLife = TimeSpan.FromMilliseconds(200);

    public string Name => PartNames.Redis;

    public string Title => "Redis beside PostgreSQL";

    public static string ScenarioName(int writers) => $"{writers} {(writers == 1 ? "writer" : "writers")} in a .NET process";

    public static string DriftName(int kills) => $"after {kills} kills of the application";

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        if (context.Programs.Redis is not { } program)
        {
            result.NotRun.Add($"{RedisServer.Missing}: writes and drift were not compared with it");
            return;
        }

        result.Notes.Add("Redis keeps nothing on disk (no RDB, no AOF). The application is a .NET process that inserts through Npgsql, prepared, and after each commit counts in Redis through StackExchange.Redis. "
            + "For the drift it has 8 workers, is killed (SIGKILL) and started again, several times; then the counts of all messages are compared with the view.");
        context.Progress.Show("filling the tables");
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_redis", template: null, cancellationToken);
        await database.FillAsync(context.Options.Messages, rows: 10, cancellationToken);
        await using var plain = await LoadDatabase.CreateAsync(context.Server, "load_redis_plain", database, cancellationToken);
        await plain.ExecuteAsync(PlainTables.WithoutTriggersSql, cancellationToken);
        await using var redis = await RedisServer.StartAsync(program, Path.Combine(context.Folder.Path, "redis"), cancellationToken);
        await using var service = await MeasuredService.StartAsync(database, [], cancellationToken);

        var counts = new RedisCounts(redis.Database, context.Options.Messages);
        await WriteAsync(database, plain, redis, counts, service, context, result, cancellationToken);

        await counts.FillAsync(database, cancellationToken);
        await KillAsync(database, redis, context, cancellationToken);
        context.Progress.Show("comparing Redis and the cache with the view");
        var wrong = await counts.CountWrongAsync(database, cancellationToken);
        var wrongAnswers = result.WrongAnswers.Count;
        var scenario = DriftName(context.Options.Kills);
        await context.Comparison.CompareAsync(scenario, database, service.Client, result, cancellationToken);
        result.Scenarios.Add(new Scenario(scenario, "wrong counts", Baseline: null,
            [Series.Of(RedisDrift, [new RoundResult(wrong)]), Series.Of(CacheDrift, [new RoundResult(result.WrongAnswers.Count - wrongAnswers)])]));
    }

    private static async Task WriteAsync(
        LoadDatabase database, LoadDatabase plain, RedisServer redis, RedisCounts counts, MeasuredService service, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        await using var withTriggers = Connect(database, context.Options);
        await using var without = Connect(plain, context.Options);
        var keys = new SkewedKeys(context.Options.Messages);
        Reader[] writers =
        [
            new(InsertOnly, 1, async (number, cancellation) => await RedisWriter.InsertAsync(without, keys[number], cancellation)),
            new(InsertAndIncrement, 1, async (number, cancellation) => await RedisWriter.WriteAsync(without, counts, keys[number], cancellation)),
            new(InsertWithCache, 1, async (number, cancellation) => await RedisWriter.InsertAsync(withTriggers, keys[number], cancellation)),
        ];
        foreach (var count in context.Options.Writers)
        {
            await database.TidyAsync(cancellationToken);
            await plain.TidyAsync(cancellationToken);
            var callers = new Callers(count, ProcessTree.OfClient, service.Processes, redis.Processes, context.Server.Processes);
            result.Scenarios.Add(await new Turns(context.Options.Round, context.Options.Round, context.Options.Rounds).RunAsync(
                ScenarioName(count), "transactions/s", InsertOnly, [.. writers.Select(callers.Candidate)], context.Progress, cancellationToken));
        }
    }

    /// <summary>Lets the application write, and kills it, again and again.</summary>
    private static async Task KillAsync(LoadDatabase database, RedisServer redis, LoadTestContext context, CancellationToken cancellationToken)
    {
        for (var kill = 1; kill <= context.Options.Kills; kill++)
        {
            context.Progress.Show($"killing the application: {kill} of {context.Options.Kills}");
            await using var writer = ChildProcess.Start(
                MeasuredService.Host(), [.. MeasuredService.ThisProgram, RedisWriter.Verb, redis.Address, $"{context.Options.Messages}"],
                new Dictionary<string, string> { [RedisWriter.ConnectionVariable] = database.ConnectionString });
            while (writer.Output.Length == 0)
            {
                await Task.Delay(Poll, cancellationToken);
                if (writer.HasExited)
                {
                    throw new LoadTestException($"the application ended by itself: {writer.Output}");
                }
            }

            await Task.Delay(LongestLife * Random.Shared.NextDouble(), cancellationToken);
            await writer.KillAsync(cancellationToken);
        }

        // What it has sent, the servers do all the same.
        while (await database.QueryAsync<bool>($"select exists (select from pg_stat_activity where application_name = '{RedisWriter.ApplicationName}')", cancellationToken))
        {
            await Task.Delay(Poll, cancellationToken);
        }
    }

    private static NpgsqlDataSource Connect(LoadDatabase database, LoadTestOptions options) => NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxPoolSize = options.Writers.Max(), MaxAutoPrepare = 10, AutoPrepareMinUsages = 1 });
}
