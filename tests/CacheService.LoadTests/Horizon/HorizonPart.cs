using System.Diagnostics;
using System.Globalization;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Writes;

namespace CacheService.LoadTests.Horizon;

/// <summary>What writers and cache lose while somebody keeps the server from removing rows that are deleted: a transaction that is held open, a dump, a stale replication slot.</summary>
internal sealed class HorizonPart : ILoadPart
{
    public const string Transaction = "a transaction held open";
    public const string Dump = "a dump under way";
    public const string Slot = "a stale replication slot";
    public const string Kept = "kept";

    private const int Clients = 8;
    private const int MostRounds = 5;

    // What is left over is what the looks take.
    private const double Writing = 0.92;

    // The held side writes for two thirds of the time, so that its log fills.
    private const double HeldShare = 0.67;
    private const double OtherShare = 0.17;
    private const double PlainShare = 0.08;
    private const double LookShare = 0.02;

    private static readonly TimeSpan LongestWindow = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ShortestRound = TimeSpan.FromSeconds(20);

    public string Name => PartNames.Horizon;

    public string Title => "A horizon held back";

    /// <summary>The scenario that sums up.</summary>
    public static string KeptName(string held) => $"{held}: what writers keep of their part of no trigger";

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        if (context.Programs.Pgbench is not { } program)
        {
            result.NotRun.Add($"{Pgbench.Missing}: there is nobody who writes");
            return;
        }

        result.Notes.Add("Two servers, of which one is held back; what is open in one database holds back all of a server. 8 writers take turns: for two thirds of the time they write beside the cache of the held "
            + "server. Kept: (held with cache / held without trigger) / (other with cache / other without trigger), round by round. Drains, trims, rollups and delays are measured while writers write.");
        context.Progress.Show("filling the tables of two servers");
        await using var other = await HorizonSide.CreateAsync(context.Server, ownsServer: false, context.Options.Messages, cancellationToken);
        await using var held = await HorizonSide.CreateAsync(
            await LoadTestServer.StartAsync(Path.Combine(context.Folder.Path, "postgres-held"), cancellationToken), ownsServer: true, context.Options.Messages, cancellationToken);
        var pgbench = new Pgbench(program, context.Folder);
        var script = pgbench.Script("horizon", $"\\set id random(1, {context.Options.Messages})\ninsert into tweet.activity (messageid, action) values (:id, 'rt');");
        List<(string Name, TimeSpan Time, Func<Task<IAsyncDisposable>> BeginAsync)> phases =
            [(Transaction, context.Options.HeldFor, () => HeldTransaction.BeginAsync(held.Cached, cancellationToken))];
        if (context.Programs.PgDump is { } dump)
        {
            phases.Add((Dump, context.Options.HeldFor / 6, () => SlowDump.BeginAsync(dump, held.Cached, result, cancellationToken)));
        }
        else
        {
            result.NotRun.Add("pg_dump is missing (Debian, Ubuntu: apt-get install postgresql-client): nothing was measured beside a dump");
        }

        if (context.Programs.PgBaseBackup is { } copy)
        {
            phases.Add((Slot, context.Options.HeldFor / 6,
                () => StaleSlot.BeginAsync(copy, held.Server, held.Cached, Path.Combine(context.Folder.Path, "postgres-standby"), cancellationToken)));
        }
        else
        {
            result.NotRun.Add("pg_basebackup is missing (Debian, Ubuntu: apt-get install postgresql-client): nothing was measured beside a stale replication slot");
        }

        foreach (var (name, time, beginAsync) in phases)
        {
            await using (var holder = await beginAsync())
            {
                await MeasureAsync(name, time, pgbench, script, held, other, context, result, cancellationToken);
                await CompareAsync(name, held, other, context, result, cancellationToken);
            }

            await AfterwardsAsync(name, held, context, result, cancellationToken);
            await CompareAsync($"after {name}", held, other, context, result, cancellationToken);
        }
    }

    private static async Task MeasureAsync(
        string name, TimeSpan time, Pgbench pgbench, string script, HorizonSide held, HorizonSide other, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        const string Plain = "no trigger", Ours = "ours", HeldPlain = "held: no trigger", HeldOurs = "held: ours";
        var plain = other.Writers(Plain, other.Plain, PlainShare, pgbench, script, Clients);
        var ours = other.Writers(Ours, other.Cached, OtherShare, pgbench, script, Clients);
        var heldPlain = held.Writers(HeldPlain, held.Plain, PlainShare, pgbench, script, Clients);
        var heldOurs = held.Writers(HeldOurs, held.Cached, HeldShare, pgbench, script, Clients);
        var window = time < LongestWindow ? time : LongestWindow;
        var rounds = Math.Clamp((int)(window / ShortestRound), 1, MostRounds);
        var turns = new Turns(TimeSpan.Zero, window * Writing / rounds, rounds);
        var kept = new List<RoundResult>();
        var start = Stopwatch.GetTimestamp();
        do
        {
            var from = Stopwatch.GetElapsedTime(start);
            var scenario = await turns.RunAsync(name, "transactions/s", Plain, [plain, ours, heldPlain, heldOurs], context.Progress, cancellationToken);
            var parts = Ratios(scenario, HeldOurs, HeldPlain).Zip(Ratios(scenario, Ours, Plain), (mine, its) => mine / its).ToList();
            kept.AddRange(parts.Select(part => new RoundResult(part)));
            var looks = new Dictionary<string, IReadOnlyDictionary<string, double>>
            {
                [HeldOurs] = await held.LookAsync(cancellation => heldOurs.Measure(window * LookShare / HeldShare, cancellation), cancellationToken),
                [Ours] = await other.LookAsync(cancellation => ours.Measure(window * LookShare / OtherShare, cancellation), cancellationToken),
            };
            var minutes = string.Create(CultureInfo.InvariantCulture, $"{name}, minutes {from.TotalMinutes:0} to {Stopwatch.GetElapsedTime(start).TotalMinutes:0}");
            result.Scenarios.Add(scenario with
            {
                Name = minutes,
                Series = [.. scenario.Series.Select(series => looks.TryGetValue(series.Candidate, out var look) ? series with { Details = series.Details.Concat(look).ToDictionary() } : series)],
            });
            var spread = Spread.Of(parts);
            context.Progress.Show(string.Create(CultureInfo.InvariantCulture,
                $"{minutes}: kept {spread.Median:0.00} ({spread.Min:0.00} to {spread.Max:0.00}); {string.Join("; ", scenario.Series.Select(series => $"{series.Candidate} {series.Spread.Median:0}/s"))}"));
            foreach (var (candidate, look) in looks)
            {
                context.Progress.Show($"{minutes}: {candidate}: {string.Join("; ", look.Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Key} {each.Value:0.#}")))}");
            }
        }
        while (Stopwatch.GetElapsedTime(start) < time);

        result.Scenarios.Add(new Scenario(KeptName(name), "", Baseline: null, [Series.Of(Kept, kept)]));
    }

    private static IEnumerable<double> Ratios(Scenario scenario, string candidate, string other) =>
        scenario.Find(candidate)!.Rounds.Zip(scenario.Find(other)!.Rounds, (mine, its) => mine / its);

    /// <summary>What a vacuum takes and leaves, once nobody holds it back.</summary>
    private static async Task AfterwardsAsync(string name, HorizonSide held, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        context.Progress.Show($"after {name}: vacuum");
        var start = Stopwatch.GetTimestamp();
        await held.Cached.ExecuteAsync("vacuum twcache.change, twcache.counters", cancellationToken);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var look = await held.LookAsync(_ => Task.CompletedTask, cancellationToken);
        result.Scenarios.Add(new Scenario($"after {name}: vacuum", "s", Baseline: null, [Series.Of("held: ours", [new RoundResult(seconds, look)])]));
    }

    private static async Task CompareAsync(string when, HorizonSide held, HorizonSide other, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        context.Progress.Show($"{when}: comparing the caches with the view");
        await context.Comparison.CompareAsync($"{when}, held", held.Cached, held.Service.Client, result, cancellationToken);
        await context.Comparison.CompareAsync($"{when}, other", other.Cached, other.Service.Client, result, cancellationToken);
    }
}
