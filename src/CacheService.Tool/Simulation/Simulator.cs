using System.Collections.Concurrent;
using CacheService.Tool.Database;
using Npgsql;

namespace CacheService.Tool.Simulation;

/// <summary>Writes activity at a steady rate until its time is up or it is stopped.</summary>
internal sealed class Simulator : IAsyncDisposable
{
    public const int HottestShown = 8;

    private static readonly TimeSpan RefreshInterval = TimeSpan.FromSeconds(2);

    private readonly TimeProvider _time;
    private readonly ISimulationView _view;
    private readonly ActivityPlan _plan;
    private readonly Outage _outage;
    private readonly MessageCatalog _catalog;
    private readonly SimulationClient[] _clients;
    private readonly ConcurrentDictionary<long, (string Author, string Text)> _described = [];
    private Pacer? _pacer;
    private long _start;

    public Simulator(DatabaseLocation database, SimulationOptions options, ISimulationView view, TimeProvider time)
    {
        Options = options;
        _time = time;
        _view = view;
        _plan = new ActivityPlan(options.Seed);
        _outage = new Outage(time, view.Tell);
        _catalog = new MessageCatalog(database);
        _clients = [.. Enumerable.Range(0, options.Clients).Select(_ => new SimulationClient(database, _plan, _outage, time))];
    }

    public SimulationOptions Options { get; }

    public SimulationStatus Status => new(
        _pacer is null ? TimeSpan.Zero : _time.GetElapsedTime(_start),
        _plan.Written(ActivityKind.Retweet),
        _plan.Written(ActivityKind.Like),
        _plan.Written(ActivityKind.UndoRetweet),
        _plan.Written(ActivityKind.UndoLike),
        _clients.Sum(c => c.Errors),
        _pacer?.LeftOut ?? 0,
        _plan.Messages,
        _outage.IsOn,
        _outage.Count);

    public IReadOnlyList<HotMessage> Hottest => _plan.Hottest(HottestShown);

    /// <summary>Null until it has been looked up.</summary>
    public (string Author, string Text)? Describe(long messageId) => _described.TryGetValue(messageId, out var found) ? found : null;

    /// <exception cref="ToolException">There are no messages.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        _plan.AddMessages(await _catalog.ReadIdsAsync(stop));
        if (_plan.Messages == 0)
            throw new ToolException("there are no messages to retweet or like: run tweetcounts load-cast first");
        foreach (var client in _clients)
            await client.ConnectAsync(stop);

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _start = _time.GetTimestamp();
        var pacer = _pacer = new Pacer(Options.Rate, Options.Duration, _time);
        var watching = Task.WhenAll(EndAllOnFailureAsync(RefreshAsync(ended.Token)), EndAllOnFailureAsync(_view.ShowAsync(this, ended.Token)));
        try
        {
            await Task.WhenAll(_clients.Select(client => EndAllOnFailureAsync(client.RunAsync(pacer, ended.Token))));
        }
        finally
        {
            await ended.CancelAsync();
            await watching;
        }

        async Task EndAllOnFailureAsync(Task part)
        {
            try
            {
                await part;
            }
            catch
            {
                await ended.CancelAsync();
                throw;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _catalog.DisposeAsync();
        foreach (var client in _clients)
            await client.DisposeAsync();
    }

    private async Task RefreshAsync(CancellationToken ended)
    {
        using var timer = new PeriodicTimer(RefreshInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
                await RefreshOnceAsync(ended);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The usual end.
        }
    }

    private async Task RefreshOnceAsync(CancellationToken ended)
    {
        try
        {
            _plan.AddMessages(await _catalog.ReadIdsAsync(ended));
            long[] unknown = [.. Hottest.Select(m => m.MessageId).Where(id => !_described.ContainsKey(id))];
            if (unknown.Length == 0)
                return;
            foreach (var (id, author, text) in await _catalog.DescribeAsync(unknown, ended))
                _described[id] = (author, text);
        }
        catch (NpgsqlException e) when (DatabaseAdvice.IsPassing(e))
        {
            // The clients find it out too, and tell. The next round reads what this one missed.
        }
    }
}
