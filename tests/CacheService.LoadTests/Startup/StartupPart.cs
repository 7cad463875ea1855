using System.Diagnostics;
using System.Globalization;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;

namespace CacheService.LoadTests.Startup;

/// <summary>How long a start takes, and how large the service becomes.</summary>
internal sealed class StartupPart : ILoadPart
{
    public const string Built = "as it is built";
    public const string Published = "published, with the runtime";
    public const string Load = "the service's load";
    public const string Copy = "bare COPY of the same query";
    public const string Resident = "resident, at rest";
    public const string TopExpired = "after its cache has expired";

    private const int RowsPerMessage = 2;
    private const int TopCalls = 10;

    // The service says its seconds with two places.
    private const double LeastSeconds = 0.005;

    // So that each call in its turn finds no answer that is kept.
    private const string ShortTopExpiration = "--Limits:TopCountsExpiration=00:00:00.050";

    private static readonly TimeSpan TopPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(2);

    public string Name => PartNames.Startup;

    public string Title => "Start and size";

    public static string StartName(int messages) => string.Create(CultureInfo.InvariantCulture, $"from the start of the process until it is LIVE, {messages:N0} messages");

    public static string LoadName(int messages) => string.Create(CultureInfo.InvariantCulture, $"loading {messages:N0} messages");

    public static string MemoryName(int messages) => string.Create(CultureInfo.InvariantCulture, $"memory with {messages:N0} messages");

    public static string TopName(int messages) => string.Create(CultureInfo.InvariantCulture, $"ListTopCounts over {messages:N0} messages");

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        result.Notes.Add($"Each message has {RowsPerMessage} rows of activity. The load's time is the one that the service logs. Bytes per message are those of the service's process, less those of "
            + "a service on an empty database; at rest: two seconds after ListTopCounts was called some times. ListTopCounts is measured at the client, the call included.");
        result.Scenarios.Add(await StartAsync(context, result, cancellationToken));
        var empty = await EmptyServiceAsync(context, cancellationToken);
        foreach (var messages in context.Options.LoadSizes)
        {
            await RunAsync(messages, empty, context, result, cancellationToken);
        }
    }

    private static async Task<Scenario> StartAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var name = StartName(context.Options.Messages);
        context.Progress.Show(name);
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_startup_again", template: null, cancellationToken);
        await database.FillAsync(context.Options.Messages, RowsPerMessage, cancellationToken);
        List<(string Name, Func<Task<MeasuredService>> StartAsync, List<double> Seconds)> candidates = [(Built, () => MeasuredService.StartAsync(database, [], cancellationToken), [])];
        if (context.Options.Published is { } folder)
        {
            candidates.Add((Published, () => MeasuredService.StartPublishedAsync(folder, database, cancellationToken), []));
        }
        else
        {
            result.Notes.Add("How fast the service starts that is published with the runtime was not measured: --published says where it is.");
        }

        // Not the first start, which finds nothing that was written back, and no file in the system's cache.
        for (var round = -1; round < context.Options.Rounds; round++)
        {
            foreach (var (_, startAsync, seconds) in candidates)
            {
                await using var service = await startAsync();
                if (round >= 0)
                {
                    seconds.Add(service.StartSeconds);
                }
            }
        }

        return new Scenario(name, "s", Baseline: null, [.. candidates.Select(each => new Series(each.Name, each.Seconds, new Dictionary<string, double>()))]);
    }

    private static async Task RunAsync(int messages, long? empty, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        context.Progress.Show($"{LoadName(messages)}: filling the tables");
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_startup", template: null, cancellationToken);
        await database.FillAsync(messages, RowsPerMessage, cancellationToken);

        Candidate[] candidates =
        [
            new(Copy, async (_, cancellation) => Result(messages, await BareCopy.RunAsync(database, cancellation))),
            new(Load, async (_, cancellation) =>
            {
                await using var service = await MeasuredService.StartAsync(database, [], cancellation);
                return Result(messages, Math.Max(LeastSeconds, service.LoadSeconds));
            }),
        ];
        result.Scenarios.Add(await new Turns(TimeSpan.Zero, TimeSpan.Zero, context.Options.Rounds).RunAsync(
            LoadName(messages), "messages/s", Copy, candidates, context.Progress, cancellationToken));

        context.Progress.Show($"{LoadName(messages)}: memory and ListTopCounts");
        await using var loaded = await MeasuredService.StartAsync(database, [ShortTopExpiration], cancellationToken);
        var afterLoad = loaded.Memory();
        result.Scenarios.Add(await MeasureTopAsync(messages, loaded, cancellationToken));
        await Task.Delay(Rest, cancellationToken);
        if ((empty, afterLoad, loaded.Memory()) is ({ } nothing, { } first, { } rest))
        {
            result.Scenarios.Add(new Scenario(MemoryName(messages), "bytes/message", Baseline: null,
            [
                Row(Resident, rest.Now),
                Row("resident, right after the load", first.Now),
                Row("resident, at most", rest.Most),
            ]));

            Series Row(string name, long bytes) => new(name, [(bytes - nothing) / (double)messages], new Dictionary<string, double> { ["process MB"] = bytes / 1e6, ["empty MB"] = nothing / 1e6 });
        }
        else
        {
            result.NotRun.Add("the system does not tell the memory of a process (there is no /proc): memory was not measured");
        }

        context.Progress.Show($"{LoadName(messages)}: comparing the cache with the view");
        await context.Comparison.CompareAsync($"after {LoadName(messages)}", database, loaded.Client, result, cancellationToken);
    }

    private static async Task<long?> EmptyServiceAsync(LoadTestContext context, CancellationToken cancellationToken)
    {
        context.Progress.Show("memory of an empty service");
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_startup_empty", template: null, cancellationToken);
        await using var service = await MeasuredService.StartAsync(database, [ShortTopExpiration], cancellationToken);
        await MeasureTopAsync(messages: 0, service, cancellationToken);
        await Task.Delay(Rest, cancellationToken);
        return service.Memory()?.Now;
    }

    private static async Task<Scenario> MeasureTopAsync(int messages, MeasuredService service, CancellationToken cancellationToken)
    {
        var first = await CallTopAsync(service, cancellationToken);
        var later = new List<double>();
        for (var i = 0; i < TopCalls; i++)
        {
            await Task.Delay(TopPause, cancellationToken);
            later.Add(await CallTopAsync(service, cancellationToken));
        }

        var none = new Dictionary<string, double>();
        return new Scenario(TopName(messages), "ms", Baseline: null, [new Series("the first call", [first], none), new Series(TopExpired, later, none)]);
    }

    private static async Task<double> CallTopAsync(MeasuredService service, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        await service.Client.ListTopCountsAsync(cancellationToken: cancellationToken);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static RoundResult Result(int messages, double seconds) => new(messages / seconds, new Dictionary<string, double> { ["seconds"] = seconds });
}
