using System.Diagnostics;
using System.Globalization;
using CacheService.LoadTests.Contenders;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Writes;

namespace CacheService.LoadTests.Articles;

/// <summary>Runs of the articles' benchmark, each of which is followed by a look at whether all was counted.</summary>
internal sealed class CheckedRuns : IAsyncDisposable
{
    private const long MessageId = 1;

    private static readonly TimeSpan LongestDelivery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan DeliveryPoll = TimeSpan.FromMilliseconds(20);

    private readonly LoadTestContext _context;
    private readonly WritersDatabases _databases;
    private readonly NotificationListener _listener;
    private readonly MeasuredService _service;
    private readonly PartResult _result;

    private CheckedRuns(LoadTestContext context, WritersDatabases databases, NotificationListener listener, MeasuredService service, PartResult result) =>
        (_context, _databases, _listener, _service, _result) = (context, databases, listener, service, result);

    /// <summary>With a database for each contender, and all that has to run meanwhile.</summary>
    public static async Task<CheckedRuns> StartAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var databases = await WritersDatabases.CreateAsync(context, [.. Contender.All.Select(contender => contender.Writer)], cancellationToken);
        NotificationListener? listener = null;
        try
        {
            listener = await NotificationListener.StartAsync(databases[Contender.Find(Contender.Notify).Writer], cancellationToken);
            var service = await MeasuredService.StartAsync(databases[Contender.Find(Contender.Cache).Writer], [], cancellationToken);
            return new CheckedRuns(context, databases, listener, service, result);
        }
        catch
        {
            await (listener?.DisposeAsync() ?? ValueTask.CompletedTask);
            await databases.DisposeAsync();
            throw;
        }
    }

    /// <summary>So that vacuum and checkpoints fall between the rounds, not into somebody's.</summary>
    public Task TidyAsync(CancellationToken cancellationToken) => _databases.TidyAsync(cancellationToken);

    /// <summary>Retweets a second.</summary>
    /// <exception cref="LoadTestException">The database has not counted what was done. What the cache has wrong goes into the result.</exception>
    public async Task<RoundResult> RunAsync(Contender contender, RetweetWorkers workers, string scenario, CancellationToken cancellationToken)
    {
        var database = _databases[contender.Writer];
        var (counted, received) = (await CountedAsync(), _listener.Received);
        var outcome = await workers.RunAsync(database.ConnectionString, contender.Writer.OneSql, MessageId, cancellationToken);
        await RetweetWorkers.LetSessionsEndAsync(database, cancellationToken);

        if (await CountedAsync() - counted is var more && more != outcome.Done)
        {
            throw new LoadTestException($"\"{contender.Name}\" has counted {more} of {outcome.Done} retweets");
        }

        switch (contender.Name)
        {
            case Contender.Notify:
                await LetNotificationsArriveAsync(received + outcome.Done, cancellationToken);
                break;
            case Contender.Cache:
                await _context.Comparison.CompareAsync($"after {scenario}", database, _service.Client, _result, cancellationToken);
                break;
        }

        return new RoundResult(outcome.Done / outcome.Elapsed.TotalSeconds, new Dictionary<string, double>
        {
            ["seconds"] = outcome.Elapsed.TotalSeconds,
            ["seconds until connected"] = outcome.Connected.TotalSeconds,
            ["errors"] = outcome.Errors,
        });

        Task<long> CountedAsync() => database.QueryAsync<long>(string.Format(CultureInfo.InvariantCulture, contender.CountedSql, MessageId), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _listener.DisposeAsync();
        await _databases.DisposeAsync();
    }

    // They arrive some time after their commits; never, where the trigger does not work.
    private async Task LetNotificationsArriveAsync(long wanted, CancellationToken cancellationToken)
    {
        for (var start = Stopwatch.GetTimestamp(); _listener.Received != wanted; await Task.Delay(DeliveryPoll, cancellationToken))
        {
            if (Stopwatch.GetElapsedTime(start) > LongestDelivery)
            {
                throw new LoadTestException($"\"{Contender.Notify}\": {_listener.Received} of {wanted} notifications have arrived");
            }
        }
    }
}
