using System.Diagnostics;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Soak;

/// <summary>What grows, or must not, minute by minute.</summary>
internal sealed class SoakLog(int servicePid, PrivateServer server, FaultWriters writers, IReadOnlyList<HonestyChecker> checkers)
{
    private const double Growth = 1.5;

    private readonly List<Minute> _minutes = [];
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>Prints a line if a minute has passed since the last.</summary>
    public async Task ReportEachMinuteAsync(int faults)
    {
        if (Stopwatch.GetElapsedTime(_started).TotalMinutes < _minutes.Count + 1)
        {
            return;
        }

        using var service = Process.GetProcessById(servicePid);
        var now = new Minute(
            service.WorkingSet64,
            await server.QueryAsync<long>("select count(*) from twcache.change"),
            await server.QueryAsync<long>("select pg_total_relation_size('twcache.change')"),
            checkers.Sum(checker => checker.ViolationCount));
        _minutes.Add(now);
        await TestContext.Progress.WriteLineAsync(
            $"minute {Stopwatch.GetElapsedTime(_started).TotalMinutes:F1}: {faults} faults, {writers.Committed} transactions, {checkers.Sum(checker => checker.Checked)} counts checked, "
            + $"memory {now.Memory / 1e6:F0} MB, change log {now.Rows} rows {now.Bytes / 1e6:F1} MB, {now.Differences} differences");
    }

    public Task SumUpAsync(SoakFaults faults) => TestContext.Progress.WriteLineAsync(
        $"""
        soak: {Stopwatch.GetElapsedTime(_started).TotalMinutes:F1} minutes, {faults.Count} faults: {faults.Caused}
          {writers.Committed} transactions, {checkers.Sum(checker => checker.Checked)} counts checked against the age they came with, {checkers.Sum(checker => checker.ViolationCount)} differences
          memory {FirstHalf(minute => minute.Memory) / 1e6:F0} MB at most in the first half, {SecondHalf(minute => minute.Memory) / 1e6:F0} MB in the second; change log {FirstHalf(minute => minute.Bytes) / 1e6:F1} and {SecondHalf(minute => minute.Bytes) / 1e6:F1} MB
        """);

    /// <summary>The second half needed no more than the first, give or take; a run of a few minutes says nothing.</summary>
    public void AssertFlat()
    {
        const int Enough = 6;
        if (_minutes.Count >= Enough)
        {
            Assert.That(SecondHalf(minute => minute.Memory), Is.LessThan(Growth * FirstHalf(minute => minute.Memory)), "memory");
            Assert.That(SecondHalf(minute => minute.Bytes), Is.LessThan((Growth * FirstHalf(minute => minute.Bytes)) + 10e6), "change log");
        }
    }

    private long FirstHalf(Func<Minute, long> of) => _minutes.Take((_minutes.Count + 1) / 2).Select(of).DefaultIfEmpty().Max();

    private long SecondHalf(Func<Minute, long> of) => _minutes.Skip((_minutes.Count + 1) / 2).Select(of).DefaultIfEmpty().Max();

    private sealed record Minute(long Memory, long Rows, long Bytes, int Differences);
}
