using System.Collections.Concurrent;
using System.Data;
using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Faults;

/// <summary>
/// Writers that go on whatever happens: each has a connection of its own, opened again when it is lost, and writes one transaction after the
/// other, each with one retweet for the writer's own <see cref="HonestMessage"/>.
/// </summary>
internal sealed class FaultWriters(TimeSpan pace) : IAsyncDisposable
{
    public const string ApplicationName = "fault writer";

    private const int Writers = 4;
    private static readonly TimeSpan ReconnectPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SlowPace = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<int, HonestMessage> _honest = new();
    private readonly ConcurrentDictionary<string, int> _failures = new();
    private CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;
    private long _committed;
    private long _pace = pace.Ticks;

    /// <summary>Transactions whose commit has returned.</summary>
    public long Committed => Volatile.Read(ref _committed);

    /// <summary>The messages that tell what a reader has seen, one for each writer.</summary>
    public IReadOnlyCollection<HonestMessage> HonestMessages => [.. _honest.Values];

    /// <summary>What failed, and how often: the faults, and deadlocks among the writers.</summary>
    public string Failures => string.Join(", ", _failures.Select(failure => $"{failure.Value} × {failure.Key}"));

    /// <summary>Starts them, or starts them again, there or elsewhere.</summary>
    public void Start(string connectionString)
    {
        _stopping.Dispose();
        _stopping = new CancellationTokenSource();
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, ApplicationName = ApplicationName, Timeout = 2, CommandTimeout = 60, Options = "-c lock_timeout=1s" };
        _running = Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() => WriteAsync(writer, settings.ConnectionString, _stopping.Token))));
    }

    /// <summary>Waits until some more transactions have committed.</summary>
    public Task WriteMoreAsync(int transactions)
    {
        var enough = Committed + transactions;
        return Wait.UntilAsync(() => Committed >= enough || _running.IsCompleted, RunningService.Patience, $"{transactions} more transactions have committed ({Failures})");
    }

    /// <summary>
    /// Waits for what needs a moment without writers. Where it has not come in twenty seconds they pause longer until it has, because
    /// on a slow machine one of them would always be at work.
    /// </summary>
    public async Task WaitBesideThemAsync(Func<Task<bool>> condition, string what)
    {
        var started = Stopwatch.GetTimestamp();
        await Wait.UntilAsync(
            async () =>
            {
                Volatile.Write(ref _pace, (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20) ? pace : SlowPace).Ticks);
                return await condition();
            },
            TimeSpan.FromMinutes(5),
            what);
        Volatile.Write(ref _pace, pace.Ticks);
    }

    /// <summary>
    /// Removes what was written, while they write; again where they and it lock each other out. Before that is committed, nobody is held to what was written so far any more, and each
    /// writer goes on with a message that is new.
    /// </summary>
    public Task TakeAwayAsync(ITestDatabase database, string statements) => Wait.UntilAsync(
        async () =>
        {
            await using var connection = await database.OpenAsync();
            try
            {
                await connection.ExecuteAsync($"begin; lock table tweet.message, tweet.activity in exclusive mode; {statements}");
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                return false;
            }

            foreach (var message in _honest.Values)
            {
                message.End();
            }

            await connection.ExecuteAsync("commit");
            return true;
        },
        RunningService.Patience,
        "what was written is removed");

    /// <summary>All of them end their transactions and close their connections.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _running;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stopping.Dispose();
    }

    private async Task WriteAsync(int writer, string connectionString, CancellationToken stopping)
    {
        var random = new Random(writer);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await using var connection = new NpgsqlConnection(connectionString);
                await connection.OpenAsync(CancellationToken.None);
                // A new one with each connection: what became of a commit that did not return is not known.
                _honest[writer] = await CreateMessageAsync(connection);
                await WriteAsync(writer, connection, random, stopping);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException)
            {
                Note(e);
                await PauseAsync(stopping);
            }
        }
    }

    private async Task WriteAsync(int writer, NpgsqlConnection connection, Random random, CancellationToken stopping)
    {
        using var tick = new PeriodicTimer(pace);
        while (!stopping.IsCancellationRequested)
        {
            tick.Period = TimeSpan.FromTicks(Volatile.Read(ref _pace));
            await tick.WaitForNextTickAsync(CancellationToken.None);
            try
            {
                if (_honest[writer].IsOver)
                {
                    _honest[writer] = await CreateMessageAsync(connection);
                }

                await WriteOneAsync(connection, _honest[writer], random);
            }
            catch (PostgresException e) when (e.SqlState[..2] is "23" or "40" or "55" && connection.State == ConnectionState.Open)
            {
                // Writers in each other's way: a deadlock, a message that is gone, a lock that is not to be had. Nothing is committed. A session can be ended right after it.
                Note(e);
                await connection.ExecuteAsync("rollback");
            }
        }
    }

    private async Task WriteOneAsync(NpgsqlConnection connection, HonestMessage honest, Random random)
    {
        await connection.ExecuteAsync($"begin; insert into tweet.activity (messageid, action) values ({honest.Id}, 'rt')");
        foreach (var statement in FaultStatements.Some(random))
        {
            await connection.ExecuteAsync(statement);
        }

        if (random.Next(10) == 0)
        {
            await connection.ExecuteAsync("rollback");
            return;
        }

        honest.BeginCommit();
        await connection.ExecuteAsync("commit");
        honest.Committed(Stopwatch.GetTimestamp());
        Interlocked.Increment(ref _committed);
    }

    private static async Task<HonestMessage> CreateMessageAsync(NpgsqlConnection connection)
    {
        var id = await connection.QueryAsync<long>(FaultStatements.CreateHonestMessage);
        return new HonestMessage(id, Stopwatch.GetTimestamp());
    }

    private void Note(Exception e) => _failures.AddOrUpdate(e is PostgresException { SqlState: var state } ? state : e.GetType().Name, 1, (_, count) => count + 1);

    private static async Task PauseAsync(CancellationToken stopping)
    {
        using var tick = new PeriodicTimer(ReconnectPause);
        await using var stopped = stopping.Register(tick.Dispose);
        await tick.WaitForNextTickAsync(CancellationToken.None);
    }
}
