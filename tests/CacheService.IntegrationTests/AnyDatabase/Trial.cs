using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>
/// Somebody's database, the service on it, and an <see cref="HonestReader"/> that holds every reply against the truth while things are done to
/// the database. In the end no LIVE reply has been wrong.
/// </summary>
internal sealed class Trial : IAsyncDisposable
{
    /// <summary>Until what the service can mend by itself is mended.</summary>
    public static readonly TimeSpan Mends = TimeSpan.FromSeconds(2);

    /// <summary>From when somebody has mended it by hand until the service is exact again.</summary>
    public static readonly TimeSpan MendedByHand = TimeSpan.FromSeconds(5);

    /// <summary>Until the service has noticed.</summary>
    private static readonly TimeSpan Notices = TimeSpan.FromSeconds(2);

    /// <summary>What a busy machine makes of a time.</summary>
    private const int Slowness = 6;

    private static readonly HttpClient Http = new();

    private readonly ITestDatabase _database;
    private readonly HonestReader _reader;
    private readonly MachineLag _lag = new();
    private Change _lastChange = new(0, "the start", Stopwatch.GetTimestamp());
    private bool _hasFinished;

    private Trial(ITestDatabase database, RunningService service)
    {
        (_database, Service) = (database, service);
        _reader = new HonestReader(database, service.Client, () => Volatile.Read(ref _lastChange));
    }

    public RunningService Service { get; }

    /// <summary>Replies that were LIVE and held against the truth.</summary>
    public int Checked => _reader.Checked;

    /// <summary>LIVE replies that were wrong.</summary>
    public int Violations => _reader.ViolationCount;

    /// <summary>Starts the service as the least role, and waits until it is LIVE and exact.</summary>
    public static async Task<Trial> StartAsync(TrialDatabase database, params string[] settings)
    {
        var trial = await StartWithoutWaitingAsync(database, database.AsCounts, settings);
        await trial.ExactAsync("the start", MendedByHand);
        return trial;
    }

    /// <summary>Starts the service.</summary>
    /// <param name="database">Where the truth is.</param>
    /// <param name="connectionString">The service's.</param>
    /// <param name="settings">The service's.</param>
    public static async Task<Trial> StartWithoutWaitingAsync(ITestDatabase database, string connectionString, params string[] settings) =>
        new(database, await RunningService.StartWithoutWaitingAsync(connectionString, settings));

    /// <summary>Runs statements as a superuser, in one transaction.</summary>
    public Task DoAsync(string sql) => DoAsync(sql, () => Wait.UntilAsync(
        async () =>
        {
            try
            {
                await _database.ExecuteAsync(sql);
                return true;
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable)
            {
                // With the readers, of the truth or of the service, who lock in another order; and what twcache itself changes waits for a lock for a moment only.
                return false;
            }
        },
        RunningService.Patience,
        sql));

    /// <summary>Does something to the database, which the readers are told of.</summary>
    /// <param name="what">In words, or in SQL.</param>
    /// <param name="change">Does it.</param>
    public async Task DoAsync(string what, Func<Task> change)
    {
        var number = _lastChange.Number + 1;
        Volatile.Write(ref _lastChange, new Change(number, what, null));
        try
        {
            await change();
        }
        finally
        {
            Volatile.Write(ref _lastChange, new Change(number, what, Stopwatch.GetTimestamp()));
        }
    }

    /// <summary>One retweet more of each message.</summary>
    public Task RetweetAsync() => DoAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");

    /// <summary>Does something whose effect the service must have right, by itself, and soon.</summary>
    public async Task DoExactlyAsync(string sql)
    {
        await DoAsync(sql);
        await ExactAsync(sql, Mends);
    }

    /// <summary>Waits for a strong reply, asked for after the last change, that is LIVE and the truth.</summary>
    /// <returns>How long after the change it came.</returns>
    public async Task<TimeSpan> ExactAsync(string after, TimeSpan within)
    {
        var since = _lastChange.EndedAt!.Value;
        long receivedAt = 0;
        await WaitAsync(
            () => (receivedAt = _reader.ExactAfter(since) ?? 0) > 0,
            within,
            $"exact after: {after}");
        var took = Stopwatch.GetElapsedTime(since, receivedAt);
        if (took > TimeSpan.FromMilliseconds(500))
        {
            await TestContext.Progress.WriteLineAsync($"exact after {took.TotalMilliseconds:F0} ms: {after}");
        }

        return took;
    }

    /// <summary>The service is not LIVE, and tells why: status, health and log name the object.</summary>
    /// <param name="name">The object; one of several where any of them will do.</param>
    public async Task ToldAsync(params string[] name)
    {
        await ToldToCallersAsync(name);
        await AssertHealthTellsAsync(name);
    }

    /// <summary>As above; health, which anybody may ask, need not name it: what has a role's name in it is for callers only.</summary>
    public async Task ToldToCallersAsync(params string[] name)
    {
        var since = _lastChange.EndedAt!.Value;
        var detail = "";
        await WaitAsync(
            async () =>
            {
                var status = await Service.Client.GetStatusAsync(new GetStatusRequest());
                detail = $"{status.State}: {status.Detail}";
                return status.State != FeedState.Live && Names(status.Detail, name);
            },
            Notices,
            $"the service is not LIVE, and names {string.Join(" or ", name)}",
            () => detail);
        var took = Stopwatch.GetElapsedTime(since);
        await TestContext.Progress.WriteLineAsync($"told after {took.TotalMilliseconds:F0} ms: {detail}");
        await WaitAsync(() => Service.Log.Entries.Any(entry => Names(entry.Message, name)), Notices, $"the log names {string.Join(" or ", name)}");
    }

    /// <summary>Either the service is not LIVE and names the object, or it is LIVE and exact: it may have mended it.</summary>
    public async Task ToldOrMendedAsync(params string[] name)
    {
        var since = _lastChange.EndedAt!.Value;
        await WaitAsync(
            async () =>
            {
                var status = await Service.Client.GetStatusAsync(new GetStatusRequest());
                return status.State == FeedState.Live ? _reader.ExactAfter(since) is not null : Names(status.Detail, name);
            },
            Notices,
            $"the service is LIVE and exact, or not LIVE and names {string.Join(" or ", name)}");
    }

    /// <summary>Ends the readers, and asserts that they found nothing wrong.</summary>
    /// <param name="wasLive">Whether there must have been LIVE replies to check.</param>
    public async Task FinishAsync(bool wasLive = true)
    {
        await _reader.DisposeAsync();
        _hasFinished = true;
        await TestContext.Progress.WriteLineAsync($"{TestContext.CurrentContext.Test.Name}: {Checked} LIVE replies checked, {Violations} wrong; {_reader.NotLive} reads without one");
        Assert.That(_reader.Violations, Is.Empty, $"{Violations} LIVE replies were wrong");
        Assert.That(Checked > 0 || !wasLive, "something was checked");
    }

    public async ValueTask DisposeAsync()
    {
        await _reader.DisposeAsync();
        if (!_hasFinished)
        {
            var log = Service.Log.Entries.Where(entry => entry.Level >= Microsoft.Extensions.Logging.LogLevel.Information && entry.Category.StartsWith("CacheService", StringComparison.Ordinal));
            await TestContext.Progress.WriteLineAsync(
                $"{TestContext.CurrentContext.Test.Name}: not finished; last change: {_lastChange.What}; {Checked} checked, wrong: {string.Join("; ", _reader.Violations)}\n{string.Join('\n', log.TakeLast(30))}");
            Service.ExpectsErrors = true;
        }

        await Service.DisposeAsync();
        await _lag.DisposeAsync();
    }

    private async Task AssertHealthTellsAsync(string[] name)
    {
        using var health = await Http.GetAsync(new Uri(Service.HttpAddress, "/health"));
        Assert.That((int)health.StatusCode, Is.EqualTo(503), "not healthy while not LIVE");
        Assert.That(Names(await health.Content.ReadAsStringAsync(), name), $"/health names {string.Join(" or ", name)}: {await health.Content.ReadAsStringAsync()}");
    }

    private static bool Names(string text, string[] name) => Array.Exists(name, one => text.Contains(one, StringComparison.OrdinalIgnoreCase));

    private Task WaitAsync(Func<bool> condition, TimeSpan within, string what) => WaitAsync(() => Task.FromResult(condition()), within, what, () => "");

    private Task WaitAsync(Func<Task<bool>> condition, TimeSpan within, string what) => WaitAsync(condition, within, what, () => "");

    private async Task WaitAsync(Func<Task<bool>> condition, TimeSpan within, string what, Func<string> seen)
    {
        try
        {
            await Wait.UntilAsync(condition, _lag.Allow(within * Slowness), what);
        }
        catch (TimeoutException e)
        {
            var now = Service.Status.Condition;
            Assert.Fail($"{e.Message} {seen()} The service is {now}; {Violations} LIVE replies were wrong: {string.Join("; ", _reader.Violations)}");
        }
    }
}
