using CacheService.LoadTests.Applying;
using CacheService.LoadTests.Freshness;
using CacheService.LoadTests.Horizon;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Reads;
using CacheService.LoadTests.Redis;
using CacheService.LoadTests.Reporting;
using CacheService.LoadTests.Rpc;
using CacheService.LoadTests.Startup;
using CacheService.LoadTests.Streams;
using CacheService.LoadTests.Writes;

namespace CacheService.LoadTests.Goals;

/// <summary>What the product wants to reach, on two processors.</summary>
internal static class GoalList
{
    private const int Callers = 64;
    private const int Few = 8;
    private const int Writers = 32;
    private const int ManyRows = 10_000;
    private const int Rate = 1_000;
    private const int HighRate = 5_000;
    private const int ManyChanges = 1_000_000;
    private const int Large = 10_000_000;

    private static readonly string WritersSpread = WritesPart.ScenarioName(Writers, isHot: false);
    private static readonly string FewWritersSpread = WritesPart.ScenarioName(Few, isHot: false);

    public static IReadOnlyList<Goal> All { get; } =
    [
        AtLeast("GetCounts against an empty RPC on the same server", 0.90, run => run.Ratio(PartNames.Rpc, RpcPart.Scenario, RpcPart.GetCounts, RpcPart.EmptyCall)),
        AtLeast("GetCounts against etcd's serializable Range", 6, run => run.Ratio(PartNames.Rpc, RpcPart.Scenario, RpcPart.GetCounts, RpcPart.Etcd)),
        AtLeast("GetCounts against the summary table by key, 64 callers", 12, run => Reads(run, Callers, Reader.GetCounts, Reader.Summary)),
        AtLeast("GetCounts against the summary table by key, 1 caller", 2, run => Reads(run, 1, Reader.GetCounts, Reader.Summary)),
        AtLeast("GetCounts, strong, against the summary table by key, 64 callers", 1.5, run => Reads(run, Callers, Reader.GetCountsStrong, Reader.Summary)),
        AtLeast("GetCounts, strong, against the summary table by key, 1 caller", 0.4, run => Reads(run, 1, Reader.GetCountsStrong, Reader.Summary)),
        AtLeast("GetCounts against Redis HMGET, 64 callers", 1.5, run => Reads(run, Callers, Reader.GetCounts, Reader.RedisHash)),
        AtLeast("GetCounts against Redis HMGET, 1 caller", 0.8, run => Reads(run, 1, Reader.GetCounts, Reader.RedisHash)),
        AtLeast("BatchGetCounts of 1,000 against Redis MGET of 1,000, 8 callers", 3, run => Reads(run, Few, Reader.BatchOf1000, Reader.RedisValues)),
        AtLeast("BatchGetCounts of 1,000 against 1,000 pipelined HMGET of Redis, 8 callers", 10, run => Reads(run, Few, Reader.BatchOf1000, Reader.RedisHashes)),
        AtLeast("GetCounts against the SQL aggregate at 10,000 rows per message", 200,
            run => run.LastRatio(PartNames.Reads, Reads(run, ManyRows), Reader.GetCounts, Reader.Aggregate)),
        AtLeast("32 writers, spread: ours with the cache running against no trigger", 0.93,
            run => run.Ratio(PartNames.Writes, WritersSpread, Writer.CacheRunning, Writer.NoTrigger)),
        AtLeast("8 writers, spread: ours with the cache running against no trigger", 0.93,
            run => run.Ratio(PartNames.Writes, FewWritersSpread, Writer.CacheRunning, Writer.NoTrigger)),
        AtLeast("32 writers, spread: ours, the table its own log, against no trigger", 0.93,
            run => run.Ratio(PartNames.Writes, WritersSpread, Writer.TableLog, Writer.NoTrigger)),
        AtLeast("8 writers, spread: ours, the table its own log, against no trigger", 0.93,
            run => run.Ratio(PartNames.Writes, FewWritersSpread, Writer.TableLog, Writer.NoTrigger)),
        AtLeast("32 writers, spread: ours with the cache running against the NOTIFY trigger", 2.5,
            run => run.Ratio(PartNames.Writes, WritersSpread, Writer.CacheRunning, Writer.Notify)),
        AtLeast("32 writers, spread: ours against the same with nothing written back", 0.98,
            run => run.Ratio(PartNames.Writes, WritersSpread, Writer.CacheRunning, Writer.NoRollup)),
        AtLeast("32 writers, spread: ours against the same without days", 0.98,
            run => run.Ratio(PartNames.Writes, WritersSpread, Writer.CacheRunning, Writer.NoDays)),
        AtLeast("8 writers, spread: ours against the same without days", 0.98,
            run => run.Ratio(PartNames.Writes, FewWritersSpread, Writer.CacheRunning, Writer.NoDays)),
        AtLeast("writers with no cache running against no trigger", 0.95,
            run => run.LastRatio(PartNames.Writes, Writes(run, isHot: false), Writer.NoCache, Writer.NoTrigger)),
        AtLeast("writers on one hot message: ours against the summary-table trigger", 5,
            run => run.LastRatio(PartNames.Writes, Writes(run, isHot: true), Writer.CacheRunning, Writer.Summary)),
        AtLeast("8 writers beside a transaction held open: of their part of no trigger", 0.95,
            run => run.Median(PartNames.Horizon, HorizonPart.KeptName(HorizonPart.Transaction), HorizonPart.Kept)),
        AtLeast("8 writers beside a dump: of their part of no trigger", 0.95,
            run => run.Median(PartNames.Horizon, HorizonPart.KeptName(HorizonPart.Dump), HorizonPart.Kept)),
        AtLeast("8 writers beside a stale replication slot: of their part of no trigger", 0.95,
            run => run.Median(PartNames.Horizon, HorizonPart.KeptName(HorizonPart.Slot), HorizonPart.Kept)),
        AtMost("wrong counts after the application was killed", 0, "",
            run => run.Value(PartNames.Redis, RedisPart.DriftName(run.Options.Kills), RedisPart.CacheDrift, RedisPart.RedisDrift)),
        AtMost("commit to visible at 1,000 transactions a second: p50", 3, "ms",
            run => run.Freshness(Rate, FreshnessPart.ReaderP50)),
        AtMost("commit to visible at 1,000 transactions a second: p99", 15, "ms",
            run => run.Freshness(Rate, FreshnessPart.ReaderP99)),
        AtMost("commit to watcher at 5,000 transactions a second: p50", 3, "ms",
            run => run.Freshness(HighRate, FreshnessPart.WatcherP50)),
        AtMost("commit to watcher at 5,000 transactions a second: p99", 10, "ms",
            run => run.Freshness(HighRate, FreshnessPart.WatcherP99)),
        AtMost("2,048 subscribers of everything at once, until all are synced", 3, "s", run => run.Median(PartNames.Streams, StreamsPart.SyncedName(2_048), StreamsPart.Service)),
        AtMost("memory by stream of everything, 500 streams, right after the initial state", 50, "kB",
            run => run.Median(PartNames.Streams, StreamsPart.MemoryName(500), StreamsPart.PerStream)),
        AtMost("memory by stream of everything, 2,048 streams, right after the initial state", 50, "kB",
            run => run.Median(PartNames.Streams, StreamsPart.MemoryName(2_048), StreamsPart.PerStream)),
        AtMost("memory by stream of 20 messages, 5,000 streams", 10, "kB", run => run.Median(PartNames.Streams, StreamsPart.KeyMemoryName(5_000), StreamsPart.PerStream)),
        AtMost("memory by stream of 20 messages, 10,000 streams", 10, "kB", run => run.Median(PartNames.Streams, StreamsPart.KeyMemoryName(10_000), StreamsPart.PerStream)),
        AtMost("500 streams of everything, 1,000 changes a second: processors used by the service", 0.3, "",
            run => run.Median(PartNames.Streams, StreamsPart.DeliveriesName(500), StreamsPart.Service)),
        AtMost("2,048 streams of everything, 1,000 changes a second: age of what they are told, p99", 100, "ms",
            run => run.Median(PartNames.Streams, StreamsPart.AgesName(2_048), StreamsPart.AgeP99)),
        AtLeast("1 million changes in one drain: changes applied a second", 1_000_000, run => run.Median(PartNames.Apply, ApplyPart.RateName(ManyChanges), ApplyPart.Store)),
        AtMost("1 million changes in one drain: the longest read beside it", 5, "ms", run => run.Median(PartNames.Apply, ApplyPart.HoldName(ManyChanges), ApplyPart.Reader)),
        AtMost("from the start of the process, published with the runtime, until it is LIVE, 10,000 messages", 0.5, "s", Start),
        AtLeast("loading against the bare COPY", 0.7,
            run => run.LastRatio(PartNames.Startup, [.. run.Options.LoadSizes.Order().Select(StartupPart.LoadName)], StartupPart.Load, StartupPart.Copy)),
        AtMost("resident memory per message at 10 million, above an empty service", 64, "bytes",
            run => run.AtSize(PartNames.Startup, Large, StartupPart.MemoryName, StartupPart.Resident, "bytes")),
        AtMost("ListTopCounts over 10 million, uncached", 150, "ms",
            run => run.AtSize(PartNames.Startup, Large, StartupPart.TopName, StartupPart.TopExpired, "ms")),
    ];

    private static Goal AtLeast(string name, double limit, Func<RunFigures, GoalValue> read) => new(name, IsLeast: true, limit, "", read);

    private static Goal AtMost(string name, double limit, string unit, Func<RunFigures, GoalValue> read) => new(name, IsLeast: false, limit, unit, read);

    private static GoalValue Start(RunFigures run)
    {
        var scenario = StartupPart.StartName(10_000);
        var built = run.Median(PartNames.Startup, scenario, StartupPart.Built);
        return run.Options.Published is not null || built.Value is not { } seconds
            ? run.Value(PartNames.Startup, scenario, StartupPart.Published, StartupPart.Built)
            : new GoalValue(null, $"{StartupPart.Built}: {Figures.Short(seconds)}; --published measures it");
    }

    private static GoalValue Reads(RunFigures run, int callers, string candidate, string other) =>
        run.Ratio(PartNames.Reads, ReadsPart.ScenarioName(callers, run.Options.Rows), candidate, other);

    private static string[] Reads(RunFigures run, int rows) => [.. run.Options.Callers.Order().Select(callers => ReadsPart.ScenarioName(callers, rows))];

    private static string[] Writes(RunFigures run, bool isHot) => [.. run.Options.Writers.Order().Select(clients => WritesPart.ScenarioName(clients, isHot))];
}
