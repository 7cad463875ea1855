using System.Diagnostics;
using System.Globalization;
using CacheService.Client;
using CacheService.Counts;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;

namespace CacheService.LoadTests.Applying;

/// <summary>One transaction that changes very many messages: how fast the cache takes it over, and how long a reader waits meanwhile.</summary>
internal sealed class ApplyPart : ILoadPart
{
    public const string Store = "the counts in memory";
    public const string Reader = "the longest read beside it";
    public const string Service = "from the commit until a read shows it";
    public const string Quiet = "the longest read while nothing is written";

    private const int BatchSize = 100;

    public string Name => PartNames.Apply;

    public string Title => "One large transaction";

    public static string RateName(int changes) => string.Create(CultureInfo.InvariantCulture, $"{changes:N0} changes in one drain");

    public static string HoldName(int changes) => string.Create(CultureInfo.InvariantCulture, $"readers beside {changes:N0} changes in one drain");

    public static string ServiceName(int changes) => string.Create(CultureInfo.InvariantCulture, $"{changes:N0} changes in one transaction, as a client of the service sees it");

    public static string ServiceReadsName(int changes) => string.Create(CultureInfo.InvariantCulture, $"a client's reads around {changes:N0} changes in one transaction");

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var changes = context.Options.BulkChanges;
        result.Notes.Add($"As many messages as changes. In memory: one thread reads one message and {BatchSize} of them by turns while another takes the changes over. In the service: one client reads one message "
            + "again and again, over the network, while PostgreSQL and the service use the same processors for the transaction.");
        var (rates, reads) = (new List<double>(), new List<double>());
        for (var round = -1; round < context.Options.Rounds; round++)
        {
            context.Progress.Show($"{RateName(changes)}: {(round < 0 ? "warm-up" : $"round {round + 1} of {context.Options.Rounds}")}");
            var (seconds, longest) = await Task.Run(() => ApplyInMemory(changes), cancellationToken);
            if (round >= 0)
            {
                rates.Add(changes / seconds);
                reads.Add(longest.TotalMilliseconds);
            }
        }

        result.Scenarios.Add(new Scenario(RateName(changes), "changes/s", Baseline: null, [Row(Store, rates)]));
        result.Scenarios.Add(new Scenario(HoldName(changes), "ms", Baseline: null, [Row(Reader, reads)]));
        await MeasureServiceAsync(changes, context, result, cancellationToken);
    }

    private static (double Seconds, TimeSpan LongestRead) ApplyInMemory(int messages)
    {
        var snapshot = PgSnapshot.Parse("10:10:");
        var store = new CountsStore(maxTombstones: 0);
        store.Load(Enumerable.Range(1, messages).Select(id => new CountedMessage(id, default)), snapshot, takenAt: 0);
        // In an order of their own, as the database brings them.
        var random = new Random(1);
        var changes = Enumerable.Range(1, messages).Select(id => new CountChange(id, 1, 0, 0)).ToArray();
        random.Shuffle(changes);

        using var started = new ManualResetEventSlim();
        var (ended, longest) = (false, TimeSpan.Zero);
        var reader = new Thread(() =>
        {
            var (ids, counts, next) = (new long[BatchSize], new CacheService.Counts.MessageCounts?[BatchSize], new Random(2));
            while (!Volatile.Read(ref ended))
            {
                for (var i = 0; i < BatchSize; i++)
                {
                    ids[i] = next.Next(1, messages + 1);
                }

                var before = Stopwatch.GetTimestamp();
                store.Read(ids[0], out _);
                var between = Stopwatch.GetTimestamp();
                store.ReadMany(ids, counts);
                var after = Stopwatch.GetTimestamp();
                var longer = TimeSpan.FromTicks(Math.Max(Stopwatch.GetElapsedTime(before, between).Ticks, Stopwatch.GetElapsedTime(between, after).Ticks));
                longest = started.IsSet && longer > longest ? longer : longest;
                started.Set();
            }
        });
        reader.Start();
        started.Wait();
        var start = Stopwatch.GetTimestamp();
        store.Apply(changes, snapshot, takenAt: 0);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Volatile.Write(ref ended, true);
        reader.Join();
        return (seconds, longest);
    }

    private static async Task MeasureServiceAsync(int changes, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        context.Progress.Show($"{ServiceName(changes)}: filling the tables");
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_apply", template: null, cancellationToken);
        await database.FillAsync(changes, rows: 1, cancellationToken);
        await using var service = await MeasuredService.StartAsync(database, [], cancellationToken);
        var (shown, beside, quiet) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < context.Options.Rounds; round++)
        {
            context.Progress.Show($"{ServiceName(changes)}: round {round + 1} of {context.Options.Rounds}");
            quiet.Add((await ReadAsync(service.Client, until: null, context.Options.LongRound, cancellationToken)).Longest.TotalMilliseconds);
            var expected = (await service.Client.GetCountsAsync(changes, cancellationToken: cancellationToken)).Counts.Retweets + 1;
            await using var connection = await database.OpenAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using (var insert = connection.CreateCommand())
            {
                insert.CommandText = "insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message";
                await insert.ExecuteNonQueryAsync(cancellationToken);
            }

            var reading = ReadAsync(service.Client, until: (changes, expected), atLeast: TimeSpan.Zero, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            var (took, longest) = await reading;
            shown.Add(took.TotalSeconds);
            beside.Add(longest.TotalMilliseconds);
            await database.TidyAsync(cancellationToken);
        }

        result.Scenarios.Add(new Scenario(ServiceName(changes), "s", Baseline: null, [Row(Service, shown)]));
        result.Scenarios.Add(new Scenario(ServiceReadsName(changes), "ms", Baseline: null, [Row(Reader, beside), Row(Quiet, quiet)]));
        context.Progress.Show($"{ServiceName(changes)}: comparing the cache with the view");
        await context.Comparison.CompareAsync("after one large transaction", database, service.Client, result, cancellationToken);
    }

    /// <summary>Reads one message again and again.</summary>
    private static async Task<(TimeSpan Took, TimeSpan Longest)> ReadAsync(TweetCountsClient client, (long MessageId, long Retweets)? until, TimeSpan atLeast, CancellationToken cancellationToken)
    {
        var (start, longest, isShown) = (Stopwatch.GetTimestamp(), TimeSpan.Zero, false);
        while (Stopwatch.GetElapsedTime(start) < atLeast || (until is not null && !isShown))
        {
            var before = Stopwatch.GetTimestamp();
            var counts = (await client.GetCountsAsync(until?.MessageId ?? 1, cancellationToken: cancellationToken)).Counts;
            var took = Stopwatch.GetElapsedTime(before);
            longest = took > longest ? took : longest;
            isShown = counts.Retweets == until?.Retweets;
        }

        return (Stopwatch.GetElapsedTime(start), longest);
    }

    private static Series Row(string name, IReadOnlyList<double> rounds) => new(name, rounds, new Dictionary<string, double>());
}
