using System.Diagnostics;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed;

/// <summary>What keeps the change log small and the server free of caches that are gone. Any live cache does it, for all.</summary>
internal sealed class ChangeLogCare(PostgresConnections connections, FeedOptions options)
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

    /// <summary>Drops consumers whose time is over, and deletes changes that every consumer has passed; what there is no time for is left to the next call.</summary>
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

    /// <summary>Ends the sessions of caches that are registered no longer and have not stirred for the time of a lease.</summary>
    /// <returns>How many.</returns>
    public async Task<long> EndSessionsOfTheGoneAsync(CancellationToken cancellationToken)
    {
        await using var end = connections.Pool.CreateCommand(EndSessionsSql);
        end.Parameters.Add(new NpgsqlParameter<double> { TypedValue = options.LeaseDuration.TotalSeconds });
        return (long)(await end.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The used share of the server's notification queue, 0 to 1.</summary>
    public async Task<double> NotificationQueueUsageAsync(CancellationToken cancellationToken)
    {
        await using var usage = connections.Pool.CreateCommand("select pg_notification_queue_usage()");
        return (double)(await usage.ExecuteScalarAsync(cancellationToken))!;
    }
}
