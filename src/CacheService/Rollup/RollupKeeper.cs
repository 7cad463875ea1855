using CacheService.Feed;
using CacheService.Postgres;
using Microsoft.Extensions.Options;

namespace CacheService.Rollup;

/// <summary>
/// Has the database write the counts back (<c>twcache.roll_up()</c>), at intervals and when much is pending. Of several caches on a database the ringer does; where
/// none is, whoever finds that it was not done.
/// </summary>
internal sealed partial class RollupKeeper(
    PostgresConnections connections, FeedStatus feed, RollupStatus status, IOptions<RollupOptions> options, IOptions<FeedOptions> feedOptions, TimeProvider time, ILogger<RollupKeeper> logger)
    : BackgroundService
{
    /// <summary>So many changes are rolled up before it is time, because whoever reads current counts by SQL looks at all of them.</summary>
    private const int ManyPending = 100_000;

    /// <summary>
    /// After a rollup that took long nothing is rolled up for so many times as long: a twentieth of a processor at most. While an open transaction keeps vacuum from the counters' old
    /// rows, each rollup walks those of all before it.
    /// </summary>
    private const int Rest = 20;

    private static readonly TimeSpan Long = TimeSpan.FromSeconds(0.5);

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestLookInterval = TimeSpan.FromMilliseconds(100);

    // The age at the server's own clock, because it is no other clock's to tell.
    private static readonly string StateSql =
        $"""
        select r.counted, extract(epoch from clock_timestamp() - r.rolled_at)::float8,
               (select count(*) from (select from twcache.recent_changes(r.snapshot) limit {ManyPending}) as pending)
          from twcache.rollup r
        """;

    private readonly RollupOptions _options = options.Value;
    private string _detail = "";
    private bool _isCounted;
    private TimeSpan _rest;
    private long _endedAt;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_options.Interval == TimeSpan.Zero)
        {
            status.Note(null, "switched off (Rollup:Interval is 0)");
            return;
        }

        using var timer = new PeriodicTimer(_options.Interval < ShortestLookInterval ? ShortestLookInterval : _options.Interval < LookInterval ? _options.Interval : LookInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (feed.IsServing)
                {
                    await LookAsync(stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await IsDueAsync(cancellationToken) && time.GetElapsedTime(_endedAt) >= _rest)
            {
                await RollUpAsync(cancellationToken);
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The counts do not depend on it, and the next look tries again.
            Tell(DatabaseErrors.Describe(e));
        }
    }

    private async Task<bool> IsDueAsync(CancellationToken cancellationToken)
    {
        await using var command = connections.Pool.CreateCommand(StateSql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        _isCounted = await reader.ReadAsync(cancellationToken) && reader.GetBoolean(0);
        if (!_isCounted)
        {
            _rest = TimeSpan.Zero;
            status.Note(null, _detail);
            return true;
        }

        var age = TimeSpan.FromSeconds(reader.GetDouble(1));
        status.Note(time.GetTimestamp() - (long)(Math.Max(0, age.TotalSeconds) * time.TimestampFrequency), _detail);
        // Where the server's clock was set back it is not known.
        return age < TimeSpan.Zero || age >= (feed.IsRinger ? _options.Interval : 2 * _options.Interval) || (feed.IsRinger && reader.GetInt64(2) >= ManyPending);
    }

    private async Task RollUpAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var (counted, changed, detail) = await connections.RunAsync(
            connection => RollUpCall.RunAsync(connection, _options.EffectiveKeepFor, feedOptions.Value.LoadTimeout, cancellationToken), cancellationToken);
        if (counted)
        {
            var elapsed = time.GetElapsedTime(started);
            // A count of all activity comes once. And the log is kept for the rollup meanwhile, which has an end.
            var longest = _options.EffectiveKeepFor / 3;
            _rest = !_isCounted || elapsed < Long ? TimeSpan.Zero : Rest * elapsed < longest ? Rest * elapsed : longest;
            _endedAt = time.GetTimestamp();
            LogRolledUp(logger, changed, elapsed.TotalSeconds);
            status.Note(started, "");
            _detail = "";
        }
        else
        {
            Tell(detail);
        }
    }

    private void Tell(string detail)
    {
        status.Note(null, detail);
        if (detail != _detail)
        {
            _detail = detail;
            LogNotRolledUp(logger, detail);
        }
    }

    [LoggerMessage(EventId = 7001, EventName = "RolledUp", Level = LogLevel.Debug,
        Message = "Wrote back the counts of {Messages} messages in {Seconds:F2} s.")]
    private static partial void LogRolledUp(ILogger logger, long messages, double seconds);

    [LoggerMessage(EventId = 7002, EventName = "NotRolledUp", Level = LogLevel.Information,
        Message = "The counts are not written back: {Reason}.")]
    private static partial void LogNotRolledUp(ILogger logger, string reason);
}
