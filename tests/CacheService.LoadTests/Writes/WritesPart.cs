using System.Diagnostics;
using System.Globalization;
using CacheService.LoadTests.Contenders;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;

namespace CacheService.LoadTests.Writes;

/// <summary>What the writers pay.</summary>
internal sealed class WritesPart : ILoadPart
{
    private const string ShortLease = "--Feed:LeaseDuration=00:00:03";

    // What was written back has a lease of its own, of a quarter of an hour.
    private const string NothingWrittenBack = "--Rollup:Interval=00:00:00";

    private static readonly TimeSpan LeasePoll = TimeSpan.FromMilliseconds(100);

    public string Name => PartNames.Writes;

    public string Title => "Writes";

    public static string ScenarioName(int clients, bool isHot) => $"{clients} {(clients == 1 ? "client" : "clients")}, {(isHot ? "one hot message" : "spread over all messages")}";

    public static string BulkName(int rows) => string.Create(CultureInfo.InvariantCulture, $"one statement of {rows:N0} rows");

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        result.Notes.Add("Each candidate has a database of its own, a copy of the same one. One transaction is one retweet. Tables are vacuumed, and a checkpoint is made, "
            + "before each scenario; no checkpoint falls into a round. pgbench connects anew for each round, and its first second is left out: new sessions read catalogs and compile "
            + "triggers, which a pool's sessions have long done. CPU: 1.00 is one processor all the time; the client's is pgbench's and, with NOTIFY, the listener's.");
        context.Progress.Show("making a database for each candidate");
        await using var databases = await WritersDatabases.CreateAsync(context, Writer.All, cancellationToken);
        await LetLeasePassAsync(databases[Writer.Find(Writer.NoCache)], context, cancellationToken);
        await using var listener = await NotificationListener.StartAsync(databases[Writer.Find(Writer.Notify)], cancellationToken);
        await using var services = await WritersServices.StartAsync(databases, Writer.All, cancellationToken);

        if (!await databases[Writer.Find(Writer.TableLog)].QueryAsync<bool>("select twcache.log_form() = 'table'", cancellationToken))
        {
            throw new LoadTestException($"\"{Writer.TableLog}\": the log has the other form");
        }

        if (context.Programs.Pgbench is { } program)
        {
            await RunSmallAsync(new Pgbench(program, context.Folder), databases, services, context, result, cancellationToken);
        }
        else
        {
            result.NotRun.Add($"{Pgbench.Missing}: single-row writes were not measured");
        }

        await databases.TidyAsync(cancellationToken);
        result.Scenarios.Add(await new Turns(TimeSpan.Zero, context.Options.Round, context.Options.Rounds).RunAsync(
            BulkName(context.Options.BulkRows), "rows/s", Writer.NoTrigger,
            [.. Writer.All.Select(writer => new Candidate(writer.Name, (_, cancellation) => InsertManyAsync(writer, databases[writer], context.Options, cancellation)))],
            context.Progress, cancellationToken));

        if (listener.Received == 0)
        {
            throw new LoadTestException($"\"{Writer.Notify}\" has sent no notification: its trigger did not work");
        }

        context.Progress.Show("comparing the cache with the view");
        foreach (var (writer, service) in services.All)
        {
            await context.Comparison.CompareAsync($"after the writes: {writer.Name}", databases[writer], service.Client, result, cancellationToken);
        }
    }

    private static async Task RunSmallAsync(
        Pgbench pgbench, WritersDatabases databases, WritersServices services, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var warmUp = context.Options.WarmUp;
        foreach (var isHot in (bool[])[false, true])
        {
            foreach (var clients in context.Options.Writers)
            {
                var name = ScenarioName(clients, isHot);
                context.Progress.Show($"{name}: vacuum and checkpoint");
                await databases.TidyAsync(cancellationToken);
                Candidate[] candidates = [.. Writer.All.Select(writer => Candidate(pgbench, writer, databases[writer], clients, isHot ? 1 : context.Options.Messages, [ProcessTree.OfClient, services.ProcessesOf(writer), context.Server.Processes]))];
                result.Scenarios.Add(await new Turns(warmUp, context.Options.LongRound, context.Options.Rounds).RunAsync(
                    name, "transactions/s", Writer.NoTrigger, candidates, context.Progress, cancellationToken));
                // Once is enough for the caches of the system.
                warmUp = TimeSpan.Zero;
            }
        }
    }

    private static Candidate Candidate(Pgbench pgbench, Writer writer, LoadDatabase database, int clients, int messages, IReadOnlyList<ProcessTree> processes)
    {
        var script = pgbench.Script($"{database.Name}.{messages}", $"\\set id random(1, {messages})\n{writer.OneSql}");
        return new Candidate(writer.Name, async (duration, cancellationToken) =>
        {
            var cpu = new CpuMeter(processes);
            var rate = await Pgbench.MeasureAsync(duration, longer => pgbench.TryRunAsync(database, script, clients, longer, rate: null, cancellationToken));
            var details = new Dictionary<string, double>();
            cpu.AddTo(details);
            return new RoundResult(rate, details);
        });
    }

    private static async Task<RoundResult> InsertManyAsync(Writer writer, LoadDatabase database, LoadTestOptions options, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        await database.ExecuteAsync(string.Format(CultureInfo.InvariantCulture, writer.BulkSql!, options.BulkRows, options.Messages), cancellationToken);
        return new RoundResult(options.BulkRows / Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>A cache has been there, and its lease is over: what writers find after it was taken out of use.</summary>
    private static async Task LetLeasePassAsync(LoadDatabase database, LoadTestContext context, CancellationToken cancellationToken)
    {
        context.Progress.Show("waiting until the lease of a stopped cache is over");
        await (await MeasuredService.StartAsync(database, [ShortLease, NothingWrittenBack], cancellationToken)).DisposeAsync();
        while (!await database.QueryAsync<bool>("select extract(epoch from clock_timestamp()) > last_value + 1 from twcache.lease", cancellationToken))
        {
            await Task.Delay(LeasePoll, cancellationToken);
        }
    }
}
