using System.Net.Sockets;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Auditing;

/// <summary>One audit: every message, range by range, by ascending id.</summary>
internal sealed partial class AuditRun(CountsStore store, RangeAudit ranges, PostgresConnections connections, TimeProvider time, ILogger<AuditRun> logger)
{
    private const int LoggedKeys = 20;

    /// <summary>A table that was emptied or restored behind the triggers need not fill the log.</summary>
    private const int LoggedRanges = 10;

    /// <summary>For how long one range is tried.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromSeconds(1);

    /// <summary>Compares everything.</summary>
    /// <param name="pause">Called between ranges, with the time for which the last one kept the database busy.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="AuditUnavailableException">It cannot be done now.</exception>
    public async Task<AuditResult> RunAsync(Func<TimeSpan, Task> pause, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var triggersWarning = await RetryAsync(() => CheckTriggersAsync(cancellationToken), cancellationToken);
        var cachedIds = SortedIds();
        var size = new RangeSize();
        var (messages, differences, repaired, logged) = (0L, 0L, 0L, 0);
        var firstDifferences = new List<AuditDifference>();
        for (var first = long.MinValue; ;)
        {
            var range = await RetryAsync(() => ranges.CompareAsync(first, size, cachedIds, cancellationToken), cancellationToken, size);
            messages += range.Messages;
            differences += range.Differences.Count;
            repaired += range.Repaired;
            firstDifferences.AddRange(range.Differences.Take(AuditResult.KeptDifferences - firstDifferences.Count));
            if (range.Differences.Count > 0 && logged++ < LoggedRanges)
            {
                LogDifferences(logger, range.Differences.Count, range.Repaired, string.Join(", ", range.Differences.Take(LoggedKeys)));
            }

            if (range.Last == long.MaxValue)
            {
                break;
            }

            first = range.Last + 1;
            await pause(range.DatabaseTime);
        }

        return new AuditResult
        {
            Messages = messages,
            Differences = differences,
            Repaired = repaired,
            FirstDifferences = firstDifferences,
            Duration = time.GetElapsedTime(started),
            TriggersWarning = triggersWarning,
            Version = store.Version!,
        };
    }

    private async Task<string> CheckTriggersAsync(CancellationToken cancellationToken)
    {
        await using var connection = await connections.Pool.OpenConnectionAsync(cancellationToken);
        if (await SchemaInstaller.FindProblemsAsync(connection, cancellationToken) is not { } missing)
        {
            return "";
        }

        LogTriggersMissing(logger, missing);
        return $"changes go uncounted: {missing}";
    }

    private long[] SortedIds()
    {
        var ids = store.MessageIds();
        Array.Sort(ids);
        return ids;
    }

    /// <summary>Tries again after what passes by itself: a load, a connection that broke, a lock that was not to be had, a pool replaced by one to another server.</summary>
    private async Task<T> RetryAsync<T>(Func<Task<T>> attempt, CancellationToken cancellationToken, RangeSize? size = null)
    {
        var started = time.GetTimestamp();
        var backoff = new Backoff(LongestRetryDelay);
        while (true)
        {
            string reason;
            try
            {
                return await attempt();
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled && !cancellationToken.IsCancellationRequested && size?.TryShrink() == true)
            {
                continue;
            }
            catch (Exception e) when (e is RangeNotComparedException or NpgsqlException or SocketException or TimeoutException or IOException or ObjectDisposedException)
            {
                reason = e is RangeNotComparedException ? e.Message : DatabaseErrors.Describe(e);
                if (time.GetElapsedTime(started) > Patience)
                {
                    throw new AuditUnavailableException($"the audit has ended before its end: for {Patience.TotalSeconds:F0} s some messages could not be compared, since {reason}; try again later", e);
                }
            }

            LogRetry(logger, reason);
            await Task.Delay(backoff.NextDelay(), time, cancellationToken);
        }
    }

    [LoggerMessage(EventId = 1, EventName = "AuditDifferences", Level = LogLevel.Warning,
        Message = "{Count} messages had other counts (retweets/likes) in the cache than in the database; {Repaired} are corrected. The first: {Differences}")]
    private static partial void LogDifferences(ILogger logger, int count, int repaired, string differences);

    [LoggerMessage(EventId = 2, EventName = "TriggersMissing", Level = LogLevel.Warning,
        Message = "Changes go uncounted until the next audit finds them: {Triggers}.")]
    private static partial void LogTriggersMissing(ILogger logger, string triggers);

    [LoggerMessage(EventId = 3, EventName = "AuditRetries", Level = LogLevel.Debug, Message = "A range of messages is compared again, since {Reason}.")]
    private static partial void LogRetry(ILogger logger, string reason);
}
