using System.Diagnostics;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>Takes care of the change log by statements of the pool.</summary>
internal sealed class ChangeLogCare(PostgresConnections connections, IOptions<FeedOptions> options) : IChangeLogCare
{
    // A cache that is frozen, or cut off in silence, may hold ASLEEP, so that writers ring for nothing, or fill its socket, so that the notification queue
    // cannot be emptied. Its registration runs out; one that is new is not registered yet. A role may end sessions of its own.
    private const string EndSessionsSql =
        """
        select count(*) filter (where pg_terminate_backend(pid))
          from pg_stat_activity
         where datname = current_database() and usename = session_user and application_name ~ ' (reader|listener|pool|loader|lease|texts) [0-9a-f]{8}$'
           and backend_start < clock_timestamp() - make_interval(secs => $1) and state_change < clock_timestamp() - make_interval(secs => $1)
           and right(application_name, 8) not in (select instance from twcache.consumer)
        """;

    /// <inheritdoc/>
    public async Task TrimAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        const int BatchSize = 5000;
        var started = Stopwatch.GetTimestamp();
        int deleted;
        do
        {
            deleted = await connections.RunAsync(
                async connection =>
                {
                    await using var trim = new NpgsqlCommand("select twcache.trim($1)", connection);
                    trim.Parameters.Add(new NpgsqlParameter<int> { TypedValue = BatchSize });
                    return (int)(await trim.ExecuteScalarAsync(cancellationToken))!;
                },
                cancellationToken);
        }
        while (deleted == BatchSize && Stopwatch.GetElapsedTime(started) < atMost);
    }

    /// <inheritdoc/>
    public async Task<long> EndSessionsOfTheGoneAsync(CancellationToken cancellationToken)
    {
        await using var end = connections.Pool.CreateCommand(EndSessionsSql);
        end.Parameters.Add(new NpgsqlParameter<double> { TypedValue = options.Value.LeaseDuration.TotalSeconds });
        return (long)(await end.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <inheritdoc/>
    public async Task<double> NotificationQueueUsageAsync(CancellationToken cancellationToken)
    {
        await using var usage = connections.Pool.CreateCommand("select pg_notification_queue_usage()");
        return (double)(await usage.ExecuteScalarAsync(cancellationToken))!;
    }
}
