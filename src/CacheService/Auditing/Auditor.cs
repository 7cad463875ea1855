using CacheService.Concurrency;
using CacheService.Feed;
using CacheService.Metrics;
using Microsoft.Extensions.Options;

namespace CacheService.Auditing;

/// <summary>Runs audits, one at a time: at intervals, and for whoever asks. Thread-safe.</summary>
internal sealed partial class Auditor(
    AuditRun audit, FeedStatus status, IOptions<AuditOptions> options, IOptions<FeedOptions> feed, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<Auditor> logger)
    : BackgroundService
{
    private readonly AuditOptions _options = options.Value;
    private readonly Signal _requested = new();
    private readonly Lock _requesting = new();

    /// <summary>Who waits for an audit that has not begun; null: nobody.</summary>
    private TaskCompletionSource<AuditResult>? _waiting;
    private bool _ended;
    private AuditSummary _summary = new(0, 0, null, TimeSpan.Zero);

    /// <summary>What the audits found since the service started.</summary>
    public AuditSummary Summary => Volatile.Read(ref _summary);

    /// <summary>
    /// Waits for an audit that begins after this call; all who come before it begins share it. It goes on if this caller gives up. The one that is under
    /// way, and this one, make no pauses.
    /// </summary>
    /// <exception cref="AuditUnavailableException">It cannot be done now.</exception>
    public Task<AuditResult> AuditNowAsync(CancellationToken cancellationToken)
    {
        if (feed.Value.Source != FeedSource.Postgres)
        {
            throw new AuditUnavailableException("this service follows another one (Feed:Source=Nats), whose counts are compared with the tables: ask one that follows the database");
        }

        if (status.Condition is { State: not FeedState.Live, Detail: var detail })
        {
            throw new AuditUnavailableException($"{detail}; try again in a moment");
        }

        Task<AuditResult> result;
        lock (_requesting)
        {
            if (_ended)
            {
                throw Stopping();
            }

            // Continuations elsewhere: those who wait must not hold up the next audit.
            _waiting ??= new TaskCompletionSource<AuditResult>(TaskCreationOptions.RunContinuationsAsynchronously);
            result = _waiting.Task;
        }

        _requested.Set();
        return result.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _requested.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Before the server waits for its calls to end, some of which wait for an audit.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        try
        {
            await AuditRepeatedlyAsync(stopping.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The service stops.
        }
        finally
        {
            lock (_requesting)
            {
                _ended = true;
            }

            TakeWaiting()?.SetException(Stopping());
        }
    }

    private async Task AuditRepeatedlyAsync(CancellationToken stopping)
    {
        // Caches that were started together do not audit together.
        var untilDue = _options.Interval * (0.5 + (Random.Shared.NextDouble() / 2));
        var pausedSince = time.GetTimestamp();
        while (true)
        {
            var remaining = untilDue - time.GetElapsedTime(pausedSince);
            var isRequested = HasWaiting() || await _requested.WaitAsync(_options.Interval == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : NotNegative(remaining), stopping);
            var waiting = TakeWaiting();
            if (isRequested && waiting is null)
            {
                // The signal of a request that an earlier audit has served.
                continue;
            }

            await AuditAsync(waiting, stopping);
            (untilDue, pausedSince) = (_options.Interval, time.GetTimestamp());
        }
    }

    private async Task AuditAsync(TaskCompletionSource<AuditResult>? waiting, CancellationToken stopping)
    {
        using var span = Spans.Begin("audit");
        try
        {
            var result = await audit.RunAsync(busy => PauseAsync(busy, isAwaited: waiting is not null, stopping), stopping);
            Instruments.Audits.Record(result.Duration.TotalSeconds);
            span?.SetTag("tweetcounts.audit.messages", result.Messages).SetTag("tweetcounts.audit.differences", result.Differences);
            var before = Summary;
            Volatile.Write(ref _summary, new AuditSummary(before.Audits + 1, before.Differences + result.Differences, time.GetUtcNow(), result.Duration));
            LogAudited(logger, result.Differences + result.DayDifferences == 0 ? LogLevel.Information : LogLevel.Warning, result.Messages, result.Duration.TotalSeconds, result.Differences, result.Repaired);
            waiting?.SetResult(result);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            waiting?.SetException(Stopping());
            throw;
        }
        catch (AuditUnavailableException e)
        {
            LogGivenUp(logger, e.Message);
            span.Fail(e);
            waiting?.SetException(e);
        }
        catch (Exception e)
        {
            LogFailed(logger, e);
            span.Fail(e);
            waiting?.SetException(e);
        }
    }

    /// <summary>Pauses so that the database is asked for <see cref="AuditOptions.MaxLoad"/> of the time; not while somebody waits.</summary>
    private async Task PauseAsync(TimeSpan busy, bool isAwaited, CancellationToken stopping)
    {
        if (!isAwaited && !HasWaiting())
        {
            await _requested.WaitAsync(busy * ((1 / _options.MaxLoad) - 1), stopping);
        }
    }

    private bool HasWaiting()
    {
        lock (_requesting)
        {
            return _waiting is not null;
        }
    }

    private TaskCompletionSource<AuditResult>? TakeWaiting()
    {
        lock (_requesting)
        {
            var waiting = _waiting;
            _waiting = null;
            return waiting;
        }
    }

    private static TimeSpan NotNegative(TimeSpan span) => span > TimeSpan.Zero ? span : TimeSpan.Zero;

    private static AuditUnavailableException Stopping() => new("the service is stopping");

    [LoggerMessage(EventId = 5001, EventName = "Audited",
        Message = "Audit: {Messages} messages compared with the database in {Seconds:F1} s, {Differences} differed, {Repaired} of those corrected.")]
    private static partial void LogAudited(ILogger logger, LogLevel level, long messages, double seconds, long differences, long repaired);

    [LoggerMessage(EventId = 5002, EventName = "AuditGivenUp", Level = LogLevel.Warning, Message = "Audit: {Reason}.")]
    private static partial void LogGivenUp(ILogger logger, string reason);

    [LoggerMessage(EventId = 5003, EventName = "AuditFailed", Level = LogLevel.Error, Message = "The audit failed.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
