using CacheService.Feed;
using CacheService.Postgres;

namespace CacheService.Telemetry;

/// <summary>How large the change log is, as the database was last asked, which it is every few seconds while the counts are LIVE. Thread-safe.</summary>
internal sealed partial class ChangeLogSize(PostgresConnections connections, DatabaseAddress address, FeedStatus status, TimeProvider time, ILogger<ChangeLogSize> logger) : BackgroundService
{
    // As the statistics have it: to count the rows would cost the more, the more there are.
    private const string Sql =
        """
        select pg_total_relation_size(log)::bigint, pg_stat_get_live_tuples(log)::bigint from (select 'twcache.change'::regclass::oid) as it(log)
        """;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private volatile Size? _last;

    /// <summary>Its bytes on disk, those of its indexes and of rows that were deleted among them; null: not known.</summary>
    public long? Bytes => _last?.Bytes;

    /// <summary>Its rows, about; null: not known.</summary>
    public long? Rows => _last?.Rows;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (address.IsNone)
        {
            return;
        }

        using var timer = new PeriodicTimer(Interval, time);
        await using var stopping = stoppingToken.Register(timer.Dispose);
        while (await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            try
            {
                _last = status.IsServing ? await ReadAsync(stoppingToken) : null;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // What is wrong with the database the feed says, and what is not known shows as missing.
                _last = null;
                LogUnknown(logger, e);
            }
            catch (OperationCanceledException)
            {
                // The service stops.
            }
        }
    }

    private async Task<Size> ReadAsync(CancellationToken cancellationToken)
    {
        await using var command = connections.Pool.CreateCommand(Sql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new Size(reader.GetInt64(0), reader.GetInt64(1));
    }

    [LoggerMessage(EventId = 8001, EventName = "ChangeLogSizeUnknown", Level = LogLevel.Debug, Message = "The size of the change log could not be read.")]
    private static partial void LogUnknown(ILogger logger, Exception exception);

    private sealed record Size(long Bytes, long Rows);
}
