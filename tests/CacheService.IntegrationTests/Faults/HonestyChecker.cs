using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Faults;

/// <summary>
/// Reads all through a fault, in every way, and holds each reply against what the writers know: whatever had been committed before the age
/// that the reply gives, or as its requirement says, is in it; nothing is in it that nobody wrote. It also watches the state.
/// </summary>
internal sealed class HonestyChecker : IAsyncDisposable
{
    private const int MaxReported = 10;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxAge = TimeSpan.FromMilliseconds(100);

    private readonly FaultService _service;
    private readonly FaultWriters _writers;
    private readonly TimeSpan _staleAfter;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly Task _running;

    private long _longestLie;
    private int _violationCount;
    private int _checked;

    /// <summary>Starts to read.</summary>
    /// <param name="service">The service; it may not have loaded yet.</param>
    /// <param name="writers">The writers, running.</param>
    /// <param name="staleAfter">The age from which on nothing may be called LIVE.</param>
    public HonestyChecker(FaultService service, FaultWriters writers, TimeSpan staleAfter)
    {
        (_service, _writers, _staleAfter) = (service, writers, staleAfter);
        _running = Task.WhenAll(
            Task.Run(() => RepeatAsync(TimeSpan.FromMilliseconds(5), ReadBatchAsync)),
            Task.Run(() => RepeatAsync(TimeSpan.FromMilliseconds(20), ReadOneAsync)),
            Task.Run(() => RepeatAsync(TimeSpan.FromMilliseconds(50), () => TryReadAsync(new ReadOptions { MaxAge = Duration.FromTimeSpan(MaxAge) }, MaxAge))),
            Task.Run(() => RepeatAsync(TimeSpan.FromMilliseconds(50), () => TryReadAsync(new ReadOptions { Strong = true }, TimeSpan.Zero))));
    }

    /// <summary>
    /// What a reply may lack beyond its age. Zero but where the service follows a server that has been replaced without its knowledge: it is
    /// told by nobody before it asks.
    /// </summary>
    public TimeSpan Tolerance { get; set; }

    /// <summary>How far the worst reply within the tolerance was from the truth.</summary>
    public TimeSpan LongestLie => Elapsed(Volatile.Read(ref _longestLie));

    /// <summary>What the reads without a requirement saw of the service's state.</summary>
    public ObservedStates States { get; } = new();

    public IReadOnlyCollection<string> Violations => _violations;

    public int ViolationCount => _violationCount;

    public int Checked => _checked;

    public async ValueTask DisposeAsync()
    {
        if (!_stopping.IsCancellationRequested)
        {
            await _stopping.CancelAsync();
            await _running;
        }
    }

    private async Task RepeatAsync(TimeSpan period, Func<Task> readAsync)
    {
        using var tick = new PeriodicTimer(period);
        while (!_stopping.IsCancellationRequested)
        {
            await readAsync();
            await tick.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private async Task ReadBatchAsync()
    {
        var sentAt = Stopwatch.GetTimestamp();
        var freshness = await TryReadAsync(null, TimeSpan.MaxValue);
        if (freshness is not null && States.HasGoneBackTo(freshness))
        {
            Violate($"revision {freshness.Revision} was read after a later one");
        }

        States.Observe(freshness, sentAt);
    }

    private async Task ReadOneAsync()
    {
        foreach (var message in _writers.HonestMessages)
        {
            var sentAt = Stopwatch.GetTimestamp();
            if (await TryCallAsync(() => _service.Client.GetCountsAsync(new GetCountsRequest { MessageId = message.Id }, deadline: DateTime.UtcNow + Deadline)) is { } response)
            {
                Check(message, response.Counts.Retweets, response.Freshness, sentAt, TimeSpan.MaxValue);
            }
        }
    }

    /// <summary>Reads all honest messages at once.</summary>
    /// <param name="requirement">What the read requires.</param>
    /// <param name="promised">The age that this requirement does not let the answer exceed at the time of the request.</param>
    /// <returns>What the reply says of itself; null where there is none.</returns>
    private async Task<Freshness?> TryReadAsync(ReadOptions? requirement, TimeSpan promised)
    {
        var messages = _writers.HonestMessages;
        if (messages.Count == 0)
        {
            return null;
        }

        var request = new BatchGetCountsRequest { Read = requirement, MessageIds = { messages.Select(message => message.Id) } };
        var sentAt = Stopwatch.GetTimestamp();
        var response = await TryCallAsync(() => _service.Client.BatchGetCountsAsync(request, deadline: DateTime.UtcNow + Deadline));
        if (response is null)
        {
            return null;
        }

        var counts = response.Counts.ToDictionary(one => one.MessageId, one => one.Retweets);
        foreach (var message in messages)
        {
            Check(message, counts.TryGetValue(message.Id, out var retweets) ? retweets : null, response.Freshness, sentAt, promised);
        }

        return response.Freshness;
    }

    private async Task<T?> TryCallAsync<T>(Func<AsyncUnaryCall<T>> call)
        where T : class
    {
        try
        {
            return await call();
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.NotFound)
        {
            // The feed or the service is away; or the message is too young for counts that are no younger.
            return null;
        }
        catch (RpcException e)
        {
            Violate($"a read failed with {e.Status}");
            return null;
        }
    }

    private void Check(HonestMessage message, long? retweets, Freshness freshness, long sentAt, TimeSpan promised)
    {
        if (message.IsOver)
        {
            // Before it was, the reply may have come; after it, it may be of what was left.
            return;
        }

        Interlocked.Increment(ref _checked);
        var age = freshness.Age.ToTimeSpan();
        if (freshness.State == FeedState.Live && age > _staleAfter)
        {
            Violate($"a reply is LIVE at an age of {age}");
        }

        if (retweets > message.Begun)
        {
            Violate($"message {message.Id} has {retweets} retweets; only {message.Begun} have been committed");
        }

        var knownUntil = sentAt - Ticks(age < promised ? age : promised);
        var firstLacking = retweets is null ? message.CreatedAt
            : retweets < message.CommittedBefore(knownUntil) ? message.CommittedAt((int)retweets.Value + 1)
            : long.MaxValue;
        if (firstLacking >= knownUntil)
        {
            return;
        }

        var lie = knownUntil - firstLacking;
        InterlockedMax(ref _longestLie, lie);
        if (Elapsed(lie) > Tolerance)
        {
            Violate($"message {message.Id}: a {freshness.State} reply of age {age} (promised: {(promised == TimeSpan.MaxValue ? "nothing" : promised)}) with {retweets?.ToString() ?? "no"} "
                + $"retweets lacks what was committed {Elapsed(lie).TotalMilliseconds:F1} ms before that; {message.CommittedBefore(knownUntil)} were by then");
        }
    }

    private void Violate(string what)
    {
        if (Interlocked.Increment(ref _violationCount) <= MaxReported)
        {
            _violations.Enqueue($"{DateTime.UtcNow:HH:mm:ss.fff} {what}");
        }
    }

    private static void InterlockedMax(ref long target, long value)
    {
        var seen = Volatile.Read(ref target);
        while (value > seen)
        {
            var before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    private static TimeSpan Elapsed(long ticks) => Stopwatch.GetElapsedTime(0, ticks);
}
