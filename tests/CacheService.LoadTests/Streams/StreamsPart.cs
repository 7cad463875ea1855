using System.Diagnostics;
using System.Globalization;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Writes;
using TweetCounts.V1;

namespace CacheService.LoadTests.Streams;

/// <summary>What many watchers cost, and how soon they all know everything.</summary>
internal sealed class StreamsPart : ILoadPart
{
    public const string Service = "the service";
    public const string PerStream = "resident, by stream";
    public const string AgeP99 = "as the messages tell it: p99";

    private const int Rate = 1_000;
    private const int Clients = 8;
    private const int KeysEach = 20;

    public string Name => PartNames.Streams;

    public string Title => "Streams";

    public static string SyncedName(int streams) => string.Create(CultureInfo.InvariantCulture, $"{streams:N0} streams of everything at once, until all have the initial state");

    public static string MemoryName(int streams) => string.Create(CultureInfo.InvariantCulture, $"memory of {streams:N0} streams of everything, right after the initial state");

    public static string KeyMemoryName(int streams) => string.Create(CultureInfo.InvariantCulture, $"memory of {streams:N0} streams of {KeysEach} messages, right after the initial state");

    public static string DeliveriesName(int streams) => string.Create(CultureInfo.InvariantCulture, $"processors used for {streams:N0} streams of everything, {Rate:N0} changes a second");

    public static string AgesName(int streams) => string.Create(CultureInfo.InvariantCulture, $"age of what {streams:N0} streams of everything are told, {Rate:N0} changes a second");

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var options = context.Options;
        result.Notes.Add($"A service with {options.Messages:N0} messages, and one process that receives all the streams and counts what comes, on the same processors. "
            + "Memory: of the service's process with the streams, less that before them, for each of them; what the process has taken for the moment and keeps is in it.");
        context.Progress.Show("filling the tables");
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_streams", template: null, cancellationToken);
        await database.FillAsync(options.Messages, rows: 2, cancellationToken);

        foreach (var streams in options.Streams)
        {
            var requests = Enumerable.Repeat(new WatchCountsRequest { All = true }, streams).ToList();
            var (seconds, bytes) = await BeginRepeatedlyAsync(SyncedName(streams), requests, streams * (long)options.Messages, database, context, cancellationToken);
            result.Scenarios.Add(new Scenario(SyncedName(streams), "s", Baseline: null, [new Series(Service, seconds, new Dictionary<string, double>())]));
            AddMemory(MemoryName(streams), bytes, result);
        }

        foreach (var streams in options.KeyStreams)
        {
            var requests = Enumerable.Range(0, streams)
                .Select(n => new WatchCountsRequest { MessageIds = { Enumerable.Range(0, KeysEach).Select(key => (((n * 131L) + (key * 977)) % options.Messages) + 1) } }).ToList();
            AddMemory(KeyMemoryName(streams), (await BeginRepeatedlyAsync(KeyMemoryName(streams), requests, leastCounts: 0, database, context, cancellationToken)).Bytes, result);
        }

        await using var service = await MeasuredService.StartAsync(database, [], cancellationToken);
        if (context.Programs.Pgbench is { } pgbench)
        {
            foreach (var streams in options.Streams)
            {
                await DeliverAsync(streams, new Pgbench(pgbench, context.Folder), service, database, context, result, cancellationToken);
            }
        }
        else
        {
            result.NotRun.Add($"{Pgbench.Missing}: what deliveries cost was not measured");
        }

        context.Progress.Show("comparing the cache with the view");
        await context.Comparison.CompareAsync("after the streams", database, service.Client, result, cancellationToken);
    }

    /// <summary>Seconds until all streams have the initial state, and the bytes that each costs then, round by round, each in a service of its own.</summary>
    private static async Task<(IReadOnlyList<double> Seconds, IReadOnlyList<double> Bytes)> BeginRepeatedlyAsync(
        string name, List<WatchCountsRequest> requests, long leastCounts, LoadDatabase database, LoadTestContext context, CancellationToken cancellationToken)
    {
        var (seconds, bytes) = (new List<double>(), new List<double>());
        for (var round = 0; round < context.Options.Rounds; round++)
        {
            context.Progress.Show($"{name}: round {round + 1} of {context.Options.Rounds}");
            await using var service = await MeasuredService.StartAsync(database, [], cancellationToken);
            // What a service does at its first stream, it does for all of them.
            using (var first = new CountedStreams(service.Address, requests.Take(1)))
            {
                await first.WaitUntilSyncedAsync(cancellationToken);
            }

            var before = service.Memory();
            var start = Stopwatch.GetTimestamp();
            using var streams = new CountedStreams(service.Address, requests);
            await streams.WaitUntilSyncedAsync(cancellationToken);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            if (before is { } empty && service.Memory() is { } full)
            {
                bytes.Add((full.Now - empty.Now) / (double)requests.Count);
            }

            if (streams.Counts < leastCounts)
            {
                throw new LoadTestException($"{streams.Counts} counts came to {requests.Count} streams before they were synced, of {leastCounts}");
            }
        }

        return (seconds, bytes);
    }

    private static async Task DeliverAsync(
        int count, Pgbench pgbench, MeasuredService service, LoadDatabase database, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var name = DeliveriesName(count);
        var script = pgbench.Script("streams", $"\\set id random(1, {context.Options.Messages})\ninsert into tweet.activity (messageid, action) values (:id, 'rt');");
        using var streams = new CountedStreams(service.Address, Enumerable.Repeat(new WatchCountsRequest { All = true }, count));
        await streams.WaitUntilSyncedAsync(cancellationToken);
        var (rounds, ages) = (new List<RoundResult>(), new List<double>());
        var duration = context.Options.LongRound * 2;
        for (var round = -1; round < context.Options.Rounds; round++)
        {
            context.Progress.Show(round < 0 ? $"{name}: warm-up" : $"{name}: round {round + 1} of {context.Options.Rounds}");
            streams.TakeAges();
            var (counts, messages, start) = (streams.Counts, streams.Messages, Stopwatch.GetTimestamp());
            var cpu = service.Processes.CpuSeconds();
            var written = await Pgbench.MeasureAsync(duration, longer => pgbench.TryRunAsync(database, script, Clients, longer, Rate, cancellationToken));
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (round >= 0 && service.Processes.CpuSeconds() - cpu is { } used)
            {
                rounds.Add(new RoundResult(used / seconds, new Dictionary<string, double>
                {
                    ["changes/s"] = written,
                    ["counts/s"] = (streams.Counts - counts) / seconds,
                    ["messages/s"] = (streams.Messages - messages) / seconds,
                }));
            }

            if (round >= 0 && streams.TakeAges() is [_, ..] told)
            {
                ages.Add(Percentile.Of(told, 0.99));
            }
        }

        result.Scenarios.Add(new Scenario(name, "processors", Baseline: null, rounds is [] ? [] : [Series.Of(Service, rounds)]));
        result.Scenarios.Add(new Scenario(AgesName(count), "ms", Baseline: null, ages is [] ? [] : [new Series(AgeP99, ages, new Dictionary<string, double>())]));
    }

    private static void AddMemory(string name, IReadOnlyList<double> bytes, PartResult result)
    {
        if (bytes is not [])
        {
            result.Scenarios.Add(new Scenario(name, "kB", Baseline: null, [new Series(PerStream, [.. bytes.Select(each => each / 1000)], new Dictionary<string, double>())]));
        }
    }
}
