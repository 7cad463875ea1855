using CacheService.Counts;
using CacheService.Feed;
using CacheService.Postgres;
using CacheService.Reading;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Reloading;

/// <summary>
/// Has all caches of the database load afresh, from the tables, for whoever distrusts the counts; one reload at a time. Thread-safe.
/// <para>
/// <c>twcache.reload()</c> gives the change log another identity. A drain that starts after it has answered, and succeeds, has found its registration's
/// identity in the log: so that registration, and the load after it, are younger than the reload.
/// </para>
/// </summary>
internal sealed partial class Reloader(
    PostgresConnections connections, CountsStore store, DrainRequests requests, FeedStatus status, IOptions<FeedOptions> options, IHostApplicationLifetime lifetime,
    TimeProvider time, ILogger<Reloader> logger)
{
    private static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _asking = new();

    /// <summary>The reload that is under way, or the last one.</summary>
    private Task _current = Task.CompletedTask;

    /// <summary>The one that begins when it has ended, and that all share who ask until then; null: nobody has asked.</summary>
    private Task<ReloadResult>? _next;

    /// <summary>Waits for a reload that begins after this call, and until this cache is LIVE after it. It goes on if this caller gives up.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="deadline">When the caller gives up, in UTC; or <see cref="ReadDeadline.None"/>.</param>
    /// <param name="cancellationToken">The caller gave up.</param>
    /// <exception cref="ReloadUnavailableException">The cache was not LIVE in time.</exception>
    /// <exception cref="NpgsqlException">The database could not be asked.</exception>
    public async Task<ReloadResult> ReloadNowAsync(string caller, DateTime deadline, CancellationToken cancellationToken)
    {
        if (options.Value.Source != FeedSource.Postgres)
        {
            throw new ReloadUnavailableException("this service follows another one (Feed:Source=Nats), and loads when that does: ask one that follows the database");
        }

        LogAsked(logger, caller);
        Task<ReloadResult> reload;
        lock (_asking)
        {
            if (_next is null)
            {
                var before = _current;
                _next = Task.Run(() => ReloadAfterAsync(before), CancellationToken.None);
            }

            reload = _next;
        }

        var limit = ReadDeadline.LimitOf(deadline, options.Value.LoadTimeout, time);
        try
        {
            return await reload.WaitAsync(limit, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            var detail = status.Condition.Detail is { Length: > 0 } known ? known : "live, and has not begun to load";
            throw new ReloadUnavailableException(
                $"all counts are to be loaded afresh, and were not LIVE again within {limit.TotalSeconds:F1} s. The feed is {detail}. It goes on by itself: see tweetcounts status, and do not ask again");
        }
    }

    private async Task<ReloadResult> ReloadAfterAsync(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_asking)
        {
            // Whoever asks from here on asks for the one after this.
            (_current, _next) = (_next!, null);
        }

        var stopping = lifetime.ApplicationStopping;
        try
        {
            return await ReloadAsync(stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            throw new ReloadUnavailableException("the service is stopping");
        }
    }

    private async Task<ReloadResult> ReloadAsync(CancellationToken stopping)
    {
        var (started, epoch) = (time.GetTimestamp(), store.Version?.Epoch);
        await TellDatabaseAsync(stopping);
        while (!await requests.NextDrainAsync().WaitAsync(stopping))
        {
        }

        var version = store.Version!;
        if (version.Epoch == epoch)
        {
            throw new ReloadUnavailableException("the database that was told to reload is not the one that the cache follows; try again in a moment");
        }

        var result = new ReloadResult(version, time.GetElapsedTime(started));
        LogReloaded(logger, version.Messages, result.Duration.TotalSeconds);
        return result;
    }

    private async Task TellDatabaseAsync(CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                await connections.RunAsync(connection => RenewIdentityAsync(connection, stopping), stopping);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                // The counts are being written back, which may take as long as a load.
                await Task.Delay(LockPause, time, stopping);
            }
            catch (ObjectDisposedException) when (!stopping.IsCancellationRequested)
            {
                throw new ReloadUnavailableException("the service goes over to another primary, and loads from there; try again in a moment");
            }
        }
    }

    private static async Task<Guid> RenewIdentityAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // After a crash what was written back must be as gone as it was said to be.
        await using var settings = new NpgsqlCommand("set local synchronous_commit = local", connection);
        await settings.ExecuteNonQueryAsync(cancellationToken);
        await using var reload = new NpgsqlCommand("select twcache.reload()", connection);
        return (Guid)(await reload.ExecuteScalarAsync(cancellationToken))!;
    }

    [LoggerMessage(EventId = 1030, EventName = "ReloadAsked", Level = LogLevel.Warning, Message = "All caches of the database are to load all counts afresh, because {Caller} asks for it.")]
    private static partial void LogAsked(ILogger logger, string caller);

    [LoggerMessage(EventId = 1031, EventName = "Reloaded", Level = LogLevel.Information, Message = "Loaded afresh on request: {Messages} messages, LIVE again after {Seconds:F1} s.")]
    private static partial void LogReloaded(ILogger logger, long messages, double seconds);
}

/// <summary>A load on request has ended.</summary>
/// <param name="Version">What the store held then.</param>
/// <param name="Duration">How long it took, from its beginning to LIVE.</param>
internal sealed record ReloadResult(CountsVersion Version, TimeSpan Duration);

/// <summary>The cache was not LIVE in time after a reload; the message says why.</summary>
internal sealed class ReloadUnavailableException(string message) : Exception(message);
