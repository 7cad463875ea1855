using System.Collections.Concurrent;
using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>
/// Reads all messages again and again, strongly and as they are, and holds each LIVE reply against the truth. A strong reply is judged by the
/// truth before and after it: where that has not changed meanwhile, it must be that; where writers only add, nothing may lie outside of it.
/// A plain one whose age reaches back to after the last change must be the truth as it is.
/// </summary>
internal sealed class HonestReader : IAsyncDisposable
{
    private const int MaxReported = 10;
    private const int Beyond = 3;
    private static readonly TimeSpan BriefDeadline = TimeSpan.FromMilliseconds(300);

    // Within it a slow machine, too, answers a strong read of a LIVE service.
    private static readonly TimeSpan LongDeadline = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(2);

    private readonly ITestDatabase _database;
    private readonly TweetCountsService.TweetCountsServiceClient _client;
    private readonly Func<Change> _lastChange;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly Task _running;
    private long _highestId;
    private long _lastExactSentAt;
    private long _lastExactReceivedAt;
    private int _violationCount;
    private int _checked;
    private int _notLive;

    /// <summary>Starts to read.</summary>
    /// <param name="database">Where the truth is; as a superuser.</param>
    /// <param name="client">The service's.</param>
    /// <param name="lastChange">What was done last to the database.</param>
    public HonestReader(ITestDatabase database, TweetCountsService.TweetCountsServiceClient client, Func<Change> lastChange)
    {
        (_database, _client, _lastChange) = (database, client, lastChange);
        // Of the two strong ones one waits only briefly for the service to be LIVE again, because a reply is judged only where the
        // truth has stayed the same meanwhile.
        _running = Task.WhenAll(
            Task.Run(() => RepeatAsync(truth => ReadStronglyAsync(truth, BriefDeadline))),
            Task.Run(() => RepeatAsync(truth => ReadStronglyAsync(truth, LongDeadline))),
            Task.Run(() => RepeatAsync(ReadPlainlyAsync)));
    }

    /// <summary>The first LIVE replies that differ from the truth.</summary>
    public IReadOnlyCollection<string> Violations => _violations;

    /// <summary>How many LIVE replies differed.</summary>
    public int ViolationCount => Volatile.Read(ref _violationCount);

    /// <summary>LIVE replies that were held against the truth.</summary>
    public int Checked => Volatile.Read(ref _checked);

    /// <summary>Reads without a LIVE reply.</summary>
    public int NotLive => Volatile.Read(ref _notLive);

    /// <summary>When a strong read that was LIVE and exact had been answered, of those sent after a time; null if there is none yet.</summary>
    public long? ExactAfter(long time) => Volatile.Read(ref _lastExactSentAt) > time ? Volatile.Read(ref _lastExactReceivedAt) : null;

    public async ValueTask DisposeAsync()
    {
        if (!_stopping.IsCancellationRequested)
        {
            await _stopping.CancelAsync();
            await _running;
        }
    }

    private async Task RepeatAsync(Func<TruthReader, Task> readAsync)
    {
        await using var truth = new TruthReader(_database);
        using var tick = new PeriodicTimer(Pace);
        while (!_stopping.IsCancellationRequested)
        {
            await readAsync(truth);
            await tick.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private async Task ReadStronglyAsync(TruthReader truth, TimeSpan deadline)
    {
        var change = _lastChange();
        if (await truth.TryReadAsync() is not { } before)
        {
            return;
        }

        var sentAt = Stopwatch.GetTimestamp();
        if (await TryReadAsync(before, strong: true, deadline) is not { } reply)
        {
            return;
        }

        var receivedAt = Stopwatch.GetTimestamp();
        if (await truth.TryReadAsync() is not { } after)
        {
            return;
        }

        if (before.IsLike(after) && Check(reply, after, "strong", sentAt, change) && change == _lastChange())
        {
            // The order lets a reader of the two take a time that is too late, never one that is too early.
            Volatile.Write(ref _lastExactReceivedAt, receivedAt);
            Volatile.Write(ref _lastExactSentAt, sentAt);
        }
    }

    private async Task ReadPlainlyAsync(TruthReader truth)
    {
        var change = _lastChange();
        if (change.EndedAt is not { } endedAt || await truth.TryReadAsync() is not { } before)
        {
            return;
        }

        var sentAt = Stopwatch.GetTimestamp();
        if (await TryReadAsync(before, strong: false, LongDeadline) is not { } reply || sentAt - Ticks(reply.Freshness.Age.ToTimeSpan()) <= endedAt)
        {
            return;
        }

        if (await truth.TryReadAsync() is { } after && before.IsLike(after) && change == _lastChange())
        {
            Check(reply, after, $"plain, of age {reply.Freshness.Age.ToTimeSpan().TotalMilliseconds:F1} ms,", sentAt, change);
        }
    }

    /// <summary>A LIVE reply; null where there is none.</summary>
    private async Task<BatchGetCountsResponse?> TryReadAsync(Truth truth, bool strong, TimeSpan deadline)
    {
        // Ids that were there once, too, and some that never were.
        var highest = truth.Ids.Append(Volatile.Read(ref _highestId)).Max();
        Volatile.Write(ref _highestId, highest);
        var request = new BatchGetCountsRequest { Read = strong ? new ReadOptions { Strong = true } : null };
        for (var id = 1L; id <= highest + Beyond; id++)
        {
            request.MessageIds.Add(id);
        }

        try
        {
            var response = await _client.BatchGetCountsAsync(request, deadline: DateTime.UtcNow + deadline);
            if (response.Freshness.State == FeedState.Live)
            {
                return response;
            }
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded)
        {
            // Not LIVE, or not now.
        }
        catch (RpcException e)
        {
            Violate($"a read failed with {e.Status}", Stopwatch.GetTimestamp(), _lastChange());
        }

        Interlocked.Increment(ref _notLive);
        return null;
    }

    /// <summary>Whether each message of a reply is as it is in truth; else that is noted.</summary>
    private bool Check(BatchGetCountsResponse reply, Truth truth, string kind, long sentAt, Change change)
    {
        Interlocked.Increment(ref _checked);
        var counts = reply.Counts.ToDictionary(one => one.MessageId, one => (one.Retweets, one.Likes));
        var asked = counts.Keys.Concat(reply.MissingMessageIds);
        foreach (var (what, expected) in Sources(truth))
        {
            foreach (var id in asked)
            {
                var (said, has) = (Find(counts, id), Find(expected, id));
                if (said != has)
                {
                    Violate($"{kind} reply, LIVE: message {id} has {Say(said)}; {what} {Say(has)}", sentAt, change);
                    return false;
                }
            }
        }

        return true;
    }

    private static IEnumerable<(string What, IReadOnlyDictionary<long, (long, long)> Counts)> Sources(Truth truth)
    {
        yield return ("the tables have", truth.Counted);
        if (truth.Viewed is not null)
        {
            yield return ("the view has", truth.Viewed);
        }
    }

    private void Violate(string what, long sentAt, Change change)
    {
        if (Interlocked.Increment(ref _violationCount) <= MaxReported)
        {
            var when = change.EndedAt is { } endedAt ? $"{Stopwatch.GetElapsedTime(endedAt, sentAt).TotalMilliseconds:F0} ms after" : "during";
            _violations.Enqueue($"{what} ({when} change {change.Number}: {change.What})");
        }
    }

    private static (long, long)? Find(IReadOnlyDictionary<long, (long, long)> counts, long id) => counts.TryGetValue(id, out var found) ? found : null;

    private static string Say((long Retweets, long Likes)? counts) => counts is { } known ? $"{known.Retweets} retweets and {known.Likes} likes" : "no such message";

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);
}
