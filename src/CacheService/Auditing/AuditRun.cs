using System.Net.Sockets;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Auditing;

/// <summary>One audit: every message, range by range, by ascending id; then the days.</summary>
internal sealed partial class AuditRun(
    CountsStore store, AuditedFeed feed, RangeAudit ranges, DaysAudit days, TriggersWarning triggers, PostgresConnections connections, IOptions<AuditOptions> options, TimeProvider time, ILogger<AuditRun> logger)
{
    private const int LoggedKeys = 20;

    /// <summary>A table that was emptied or restored behind the triggers need not fill the log.</summary>
    private const int LoggedRanges = 10;

    /// <summary>For how long one range is tried, and how often at least: an attempt can take long.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private const int FewestAttempts = 3;
    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromSeconds(1);

    /// <summary>Compares everything.</summary>
    /// <param name="pause">Called between ranges, with the time for which the last one kept the database busy.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="AuditUnavailableException">It cannot be done now.</exception>
    public async Task<AuditResult> RunAsync(Func<TimeSpan, Task> pause, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var triggersWarning = await RetryAsync(() => CheckTriggersAsync(cancellationToken), cancellationToken);
        var cachedIds = await RetryAsync(() => SortedIdsAsync(cancellationToken), cancellationToken);
        var isIndexed = await RetryAsync(() => IsIndexedAsync(cancellationToken), cancellationToken);
        var size = new RangeSize(options.Value.MaxMessageTime, isIndexed);
        var (messages, differences, repaired, uncompared, logged) = (0L, 0L, 0L, 0L, 0);
        var (firstDifferences, firstUncompared) = (new List<AuditDifference>(), new List<long>());
        for (var first = long.MinValue; ;)
        {
            RangeComparison range;
            try
            {
                range = await RetryAsync(() => ranges.CompareAsync(first, size, cachedIds, cancellationToken), cancellationToken, size);
            }
            catch (RecountTooLongException e)
            {
                // The others are compared all the same.
                var left = cachedIds[IndexFrom(cachedIds, first)..(e.Last == long.MaxValue ? cachedIds.Length : IndexFrom(cachedIds, e.Last + 1))];
                uncompared += Math.Max(left.Length, 1);
                firstUncompared.AddRange(left.Take(AuditResult.KeptDifferences - firstUncompared.Count));
                range = new RangeComparison(e.Last, 0, [], 0, size.Timeout);
            }

            if (differences == 0 && range.Differences.Count > 0)
            {
                // What was written back may be as wrong as the counts were.
                await RetryAsync(() => connections.RunAsync(DropRollupAsync, cancellationToken), cancellationToken);
            }

            messages += range.Messages;
            differences += range.Differences.Count;
            repaired += range.Repaired;
            firstDifferences.AddRange(range.Differences.Take(AuditResult.KeptDifferences - firstDifferences.Count));
            if (range.Differences.Count > 0 && logged++ < LoggedRanges)
            {
                LogDifferences(logger, range.Differences.Count, range.Repaired, string.Join(", ", range.Differences.Take(LoggedKeys)));
            }

            await pause(range.DatabaseTime);
            if (range.Last == long.MaxValue)
            {
                break;
            }

            first = range.Last + 1;
        }

        var daysComparison = await RetryAsync(() => days.CompareAsync(cancellationToken), cancellationToken);
        if (daysComparison.Differences is { Count: > 0 } differingDays)
        {
            await RetryAsync(() => connections.RunAsync(DropRollupAsync, cancellationToken), cancellationToken);
            LogDayDifferences(logger, differingDays.Count, string.Join(", ", differingDays.Take(LoggedKeys)));
        }

        if (daysComparison.Uncompared.Length > 0)
        {
            LogDaysUncompared(logger, daysComparison.Uncompared);
        }

        if (uncompared > 0)
        {
            LogUncompared(logger, uncompared, options.Value.MaxMessageTime, string.Join(", ", firstUncompared.Take(LoggedKeys)), Remedy(isIndexed));
        }

        return new AuditResult
        {
            Messages = messages,
            Differences = differences,
            Repaired = repaired,
            Uncompared = uncompared,
            FirstDifferences = firstDifferences,
            FirstUncompared = firstUncompared,
            Days = daysComparison.Days,
            DayDifferences = daysComparison.Differences.Count,
            DaysUncompared = daysComparison.Uncompared,
            Duration = time.GetElapsedTime(started),
            TriggersWarning = triggersWarning,
            Version = store.Version!,
        };
    }

    private static async Task<int> DropRollupAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("select twcache.drop_rollup()", connection);
        return await command.ExecuteNonQueryAsync();
    }

    private async Task<string> CheckTriggersAsync(CancellationToken cancellationToken)
    {
        await using var connection = await connections.Pool.OpenConnectionAsync(cancellationToken);
        return await triggers.FindAsync(connection, cancellationToken);
    }

    private async Task<bool> IsIndexedAsync(CancellationToken cancellationToken)
    {
        await using var connection = await connections.Pool.OpenConnectionAsync(cancellationToken);
        return await new RecountReader(connection).IsIndexedAsync(cancellationToken);
    }

    private static string Remedy(bool isIndexed) => isIndexed
        ? "Give them more time by Audit:MaxMessageTime"
        : "Create an index, so that not all activity is read for some messages: create index concurrently on tweet.activity (messageid)";

    private static int IndexFrom(long[] ascending, long messageId)
    {
        var index = Array.BinarySearch(ascending, messageId);
        return index >= 0 ? index : ~index;
    }

    /// <summary>The messages of the cache, after a drain: those are among them that were committed before the audit was asked for, and are gone from the tables by now.</summary>
    private async Task<long[]> SortedIdsAsync(CancellationToken cancellationToken)
    {
        await feed.WaitForDrainAsync(cancellationToken);
        var ids = store.MessageIds();
        Array.Sort(ids);
        return ids;
    }

    /// <summary>Tries again after what passes by itself: a load, a connection that broke, a lock that was not to be had, a pool replaced by one to another server.</summary>
    private async Task<T> RetryAsync<T>(Func<Task<T>> attempt, CancellationToken cancellationToken, RangeSize? size = null)
    {
        var started = time.GetTimestamp();
        var pauses = new AttemptPauses(LongestRetryDelay);
        for (var attempts = 1; ; attempts++)
        {
            string reason;
            try
            {
                return await attempt();
            }
            catch (RecountTooLongException) when (size is not null && (size.TryShrink() || size.TryExtend()))
            {
                (started, attempts) = (time.GetTimestamp(), 0);
                continue;
            }
            catch (Exception e) when (e is RangeNotComparedException or NpgsqlException or SocketException or TimeoutException or IOException or ObjectDisposedException)
            {
                reason = e is RangeNotComparedException ? e.Message : DatabaseErrors.Describe(e);
                if (time.GetElapsedTime(started) > Patience && attempts >= FewestAttempts)
                {
                    throw new AuditUnavailableException($"the audit has ended before its end: for {Patience.TotalSeconds:F0} s some messages could not be compared, since {reason}; try again later", e);
                }
            }

            LogRetry(logger, reason);
            await Task.Delay(pauses.NextDelay(), time, cancellationToken);
        }
    }

    [LoggerMessage(EventId = 5010, EventName = "AuditDifferences", Level = LogLevel.Warning,
        Message = "{Count} messages had other counts (retweets/likes) in the cache than in the database; {Repaired} are corrected. The first: {Differences}")]
    private static partial void LogDifferences(ILogger logger, int count, int repaired, string differences);

    [LoggerMessage(EventId = 5011, EventName = "AuditLeftOut", Level = LogLevel.Warning,
        Message = "{Count} messages could not be compared, because the count of their activity took longer than {Time}: {Messages}. {Remedy}")]
    private static partial void LogUncompared(ILogger logger, long count, TimeSpan time, string messages, string remedy);

    [LoggerMessage(EventId = 5013, EventName = "AuditDayDifferences", Level = LogLevel.Warning,
        Message = "{Count} days had other counts (retweets/undone/likes/undone) in the cache than in the database; they are corrected. The first: {Differences}")]
    private static partial void LogDayDifferences(ILogger logger, int count, string differences);

    [LoggerMessage(EventId = 5014, EventName = "AuditLeftOutDays", Level = LogLevel.Warning, Message = "The days could not be compared, because {Reason}.")]
    private static partial void LogDaysUncompared(ILogger logger, string reason);

    [LoggerMessage(EventId = 5012, EventName = "AuditRetries", Level = LogLevel.Debug, Message = "A range of messages is compared again, since {Reason}.")]
    private static partial void LogRetry(ILogger logger, string reason);
}

/// <summary>An audit could not be made now; the message says why.</summary>
internal sealed class AuditUnavailableException(string message, Exception? innerException = null) : Exception(message, innerException);
