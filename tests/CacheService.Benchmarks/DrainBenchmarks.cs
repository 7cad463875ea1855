using BenchmarkDotNet.Attributes;
using CacheService.Counts;

namespace CacheService.Benchmarks;

/// <summary>What a drain costs when its rows are read: its snapshot is parsed, its changes are applied.</summary>
[InProcess]
[MemoryDiagnoser]
public class DrainBenchmarks
{
    private const int Messages = 10_000;

    private readonly string _snapshot = "1234567:1234890:1234567,1234570,1234572,1234580";
    private readonly CountsStore _store = new(100_000);
    private readonly List<CountChange> _one = [new CountChange(Messages / 2, 1, 1, 0)];
    private readonly List<CountChange> _thousand = [.. Enumerable.Range(1, 1000).Select(n => new CountChange(n * 10, 1, 1, 0))];

    [GlobalSetup]
    public void SetUp() => _store.Load(Enumerable.Range(1, Messages).Select(id => new CountedMessage(id, default)), PgSnapshot.Parse("1:1:"), 0);

    [Benchmark]
    [AllocationBudget(120)]
    public void ParseSnapshot() => PgSnapshot.Parse(_snapshot);

    [Benchmark]
    [AllocationBudget(200)]
    public void ApplyNothing() => _store.Apply([], _store.Version!.Snapshot, 0);

    [Benchmark]
    [AllocationBudget(200)]
    public void ApplyOneChange() => _store.Apply(_one, _store.Version!.Snapshot, 0);

    [Benchmark]
    [AllocationBudget(9000)]
    public void Apply1000Changes() => _store.Apply(_thousand, _store.Version!.Snapshot, 0);
}
