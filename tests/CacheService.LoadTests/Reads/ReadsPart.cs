using CacheService.Client;
using CacheService.LoadTests.Contenders;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Redis;
using Npgsql;

namespace CacheService.LoadTests.Reads;

/// <summary>Reading counts: PostgreSQL's ways and the cache's, from one client process.</summary>
internal sealed class ReadsPart : ILoadPart
{
    // The server takes 200, and more would not make it faster: more callers share them.
    private const int MostConnections = 80;

    public string Name => PartNames.Reads;

    public string Title => "Reads";

    public static string ScenarioName(int callers, int rows) => FormattableString.Invariant($"{callers} {(callers == 1 ? "caller" : "callers")}, {rows:N0} rows of activity per message");

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var options = context.Options;
        result.Notes.Add("Counts per second: a call that gets many counts is counted as many. All callers are in one process, which calls again at once. SQL goes "
            + "through Npgsql, pooled and prepared; gRPC through one TweetCountsClient; Redis, which keeps nothing on disk, through one connection of StackExchange.Redis. Keys follow Zipf's law. Times are those of a call; "
            + "for the mirror of 1,000 reads. CPU: 1.00 is one processor all the time.");
        if (context.Programs.Redis is null)
        {
            result.NotRun.Add($"{RedisServer.Missing}: reads were not compared with it");
        }

        await RunAsync(options.Messages, options.Rows, isEverythingRead: true, context, result, cancellationToken);

        result.Notes.Add(FormattableString.Invariant($"With {options.ManyRows:N0} rows per message there are {options.ManyRowsMessages:N0} messages instead of {options.Messages:N0}, so that the rows fit the machine."));
        await RunAsync(options.ManyRowsMessages, options.ManyRows, options.IsEverythingReadFromManyRows, context, result, cancellationToken);
    }

    private static async Task RunAsync(int messages, int rows, bool isEverythingRead, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        context.Progress.Show(FormattableString.Invariant($"{messages:N0} messages with {rows:N0} rows of activity each: filling the tables"));
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_reads", template: null, cancellationToken);
        await database.FillAsync(messages, rows, cancellationToken);
        await database.ExecuteAsync(SummaryTable.CreateSql, cancellationToken);
        await database.ExecuteAsync(MaterializedView.CreateSql, cancellationToken);
        await database.ExecuteAsync("vacuum (analyze) loadtest.summary, loadtest.counters", cancellationToken);

        await using var service = await MeasuredService.StartAsync(database, [], cancellationToken);
        context.Progress.Show("waiting until the counts are written back");
        await database.RollUpAsync(cancellationToken);

        await using var mirror = service.Client.StartMirror(WatchOptions.All);
        await mirror.WaitUntilSyncedAsync(cancellationToken);
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            MaxPoolSize = Math.Min(context.Options.Callers.Max(), MostConnections),
            MaxAutoPrepare = 10,
            AutoPrepareMinUsages = 1,
        });
        await using var redis = isEverythingRead && context.Programs.Redis is { } program
            ? await RedisServer.StartAsync(program, Path.Combine(context.Folder.Path, "redis-reads"), cancellationToken)
            : null;
        var counts = redis is null ? null : new RedisCounts(redis.Database, messages);
        if (counts is not null)
        {
            await counts.FillAsync(database, cancellationToken);
        }

        var keys = new SkewedKeys(messages);
        Reader[] readers =
        [
            .. Reader.OfSql(source, keys),
            .. counts is null ? [] : Reader.OfRedis(counts, keys),
            .. isEverythingRead ? Reader.OfCache(service.Client, mirror, keys) : [Reader.Plain(service.Client, keys)],
        ];
        ProcessTree[] processes = [ProcessTree.OfClient, service.Processes, context.Server.Processes, .. redis is null ? [] : (ProcessTree[])[redis.Processes]];

        foreach (var count in context.Options.Callers)
        {
            var callers = new Callers(count, processes);
            // The first time it takes, code is still being compiled.
            var warmUp = context.Options.Round * (count == context.Options.Callers[0] ? 1 : 0.25);
            result.Scenarios.Add(await new Turns(warmUp, context.Options.Round, context.Options.Rounds).RunAsync(
                ScenarioName(count, rows), "counts/s", Reader.Summary, [.. readers.Select(callers.Candidate)], context.Progress, cancellationToken));
        }

        context.Progress.Show("comparing the cache with the view");
        await context.Comparison.CompareAsync(FormattableString.Invariant($"after the reads with {rows:N0} rows per message"), database, service.Client, result, cancellationToken);
    }
}
