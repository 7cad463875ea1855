using System.Collections.Concurrent;
using CacheService.Metrics;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Jobs;

/// <summary>Runs what was claimed, and enters how it ended: in the session that holds the lock, or not at all. Thread-safe.</summary>
internal sealed partial class JobRunner(JobsStatus status, IOptions<JobsOptions> options, TimeProvider time, ILogger<JobRunner> logger)
{
    private const int CloseAttempts = 3;

    // Only while it runs: whoever has taken it for lost, or ended it, has entered that.
    private const string CloseSql =
        "update twjobs.run set state = $2, detail = $3, wants_resume = $4, ended_at = clock_timestamp() where runid = $1 and state = 'running'";

    private static readonly RunEnd ServiceStops = new(RunEndKind.ServiceStops, "its service was stopped");

    private readonly ConcurrentDictionary<long, LiveRun> _live = [];
    private readonly Lock _reserving = new();
    private int _reserved;
    private volatile bool _isStopping;

    /// <summary>Is raised when a run has ended, and its lock is free.</summary>
    public event Action? RunEnded;

    /// <summary>The runs that are under way here. Those that were abandoned are not among them.</summary>
    public IReadOnlyCollection<LiveRun> Live => [.. _live.Values];

    /// <summary>Takes one of the runs that this service may have under way, until it is given back.</summary>
    /// <returns>False: there are as many as there may be.</returns>
    public bool TryReserve()
    {
        lock (_reserving)
        {
            if (_live.Count + _reserved >= options.Value.MaxRuns)
            {
                return false;
            }

            _reserved++;
            return true;
        }
    }

    /// <summary>Gives back what was reserved: the run has begun, or does not.</summary>
    public void GiveBack()
    {
        lock (_reserving)
        {
            _reserved--;
        }
    }

    /// <summary>Begins a run.</summary>
    public LiveRun Start(ClaimedRun claim)
    {
        var run = new LiveRun(claim, time);
        _live[run.Row.Id] = run;
        status.NoteLive(_live.Count);
        LogStarted(logger, run.Row.Job, run.Row.Id, run.Row.Trigger);
        // A job that never gives its thread back must hold up nobody else.
        run.Ended = Task.Run(() => RunAsync(run));
        if (_isStopping)
        {
            run.Tell(ServiceStops);
        }

        return run;
    }

    /// <summary>Tells all runs to end, because the service stops, and waits until they have.</summary>
    public async Task StopAsync()
    {
        _isStopping = true;
        var live = Live;
        foreach (var run in live)
        {
            run.Tell(ServiceStops);
        }

        await Task.WhenAll(live.Select(run => run.Ended));
    }

    /// <summary>Counts on a run no longer that heeds nothing; it was told that it is lost.</summary>
    public void Abandon(LiveRun run)
    {
        if (Forget(run) && !run.Ended.IsCompleted)
        {
            status.NoteAbandoned(1);
            LogAbandoned(logger, run.Row.Job, run.Row.Id);
            _ = run.Ended.ContinueWith(_ => status.NoteAbandoned(-1), TaskScheduler.Default);
        }
    }

    private bool Forget(LiveRun run)
    {
        var isLive = _live.TryRemove(run.Row.Id, out _);
        status.NoteLive(_live.Count);
        return isLive;
    }

    private async Task RunAsync(LiveRun live)
    {
        var started = time.GetTimestamp();
        using var span = Spans.Begin($"job {live.Row.Job}");
        try
        {
            var (state, detail) = await WorkAsync(live);
            var duration = time.GetElapsedTime(started);
            if (live.End is not { Kind: RunEndKind.Lost } && await TryCloseAsync(live, state, detail))
            {
                Instruments.JobRuns.Increment(Enum.Parse<RunOutcome>(state.ToString()));
                Instruments.JobDurations.Record(duration.TotalSeconds);
                LogEnded(logger, state is RunState.Failed or RunState.Incomplete ? LogLevel.Warning : LogLevel.Information, live.Row.Job, live.Row.Id, state, duration.TotalSeconds, detail);
                WarnIfTooLong(live, duration);
            }
            else
            {
                LogLost(logger, live.Row.Job, live.Row.Id);
            }
        }
        finally
        {
            // The lock, before anybody is told that the run has ended.
            await live.Claim.Session.DisposeAsync();
            Forget(live);
            live.Dispose();
            RunEnded?.Invoke();
        }
    }

    private static async Task<(RunState State, string Detail)> WorkAsync(LiveRun live)
    {
        var (job, row) = (live.Claim.Job, live.Row);
        var parameters = job.Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Default, StringComparer.Ordinal);
        foreach (var (name, value) in live.Claim.JobRow.Parameters.Concat(row.Parameters))
        {
            parameters[name] = value;
        }

        var run = new JobRun(row, parameters, live.Claim.Session.Connection, live.Log, live.Stopping);
        try
        {
            if (row.Trigger == RunTrigger.Retry)
            {
                foreach (var key in row.RetryItems)
                {
                    await job.RetryAsync(run, key);
                }
            }
            else
            {
                await job.RunAsync(run);
            }

            return run.HasFailedItems ? (RunState.Incomplete, "some items have failed") : (RunState.Succeeded, "");
        }
        catch (Exception e)
        {
            if (live.End is { } end)
            {
                return end.Kind switch
                {
                    RunEndKind.Stop => (RunState.Stopped, end.Why),
                    RunEndKind.Cancel => (RunState.Cancelled, end.Why),
                    _ => (RunState.Lost, end.Why),
                };
            }

            live.Log.Add(e is JobFailedException or NpgsqlException ? $"failed: {RunFailure.Describe(e)}" : $"failed: {e}");
            return (RunState.Failed, RunFailure.Describe(e));
        }
    }

    private static async Task<bool> TryCloseAsync(LiveRun live, RunState state, string detail)
    {
        var connection = live.Claim.Session.Connection;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await JobStore.SaveLogAsync(connection, live);
                await using var close = new NpgsqlCommand(CloseSql, connection) { CommandTimeout = SessionSettings.StatementTimeoutSeconds };
                close.Parameters.Add(new NpgsqlParameter<long> { TypedValue = live.Row.Id });
                close.Parameters.Add(new NpgsqlParameter<string> { TypedValue = state.ToString().ToLowerInvariant() });
                close.Parameters.Add(new NpgsqlParameter<string> { TypedValue = detail });
                close.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = state == RunState.Lost && live.Claim.Job.IsResumed });
                return await close.ExecuteNonQueryAsync() == 1;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled && attempt < CloseAttempts)
            {
                // Somebody stops a run that has just ended.
            }
            catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException or TimeoutException)
            {
                // The session is gone, or answers nothing: the run is found as lost, and closed by whoever gets the lock.
                return false;
            }
        }
    }

    private void WarnIfTooLong(LiveRun live, TimeSpan duration)
    {
        if (live.Row is { Trigger: RunTrigger.Schedule, Slot: { } slot } && live.Claim.JobRow.ParseSchedule()?.Next(slot) - slot is { } interval && duration > interval)
        {
            LogTooLong(logger, live.Row.Job, live.Row.Id, duration.TotalSeconds, interval.TotalSeconds);
        }
    }

    [LoggerMessage(EventId = 7510, EventName = "JobStarted", Level = LogLevel.Information, Message = "Job {Job}: run {Run} begins ({Trigger}).")]
    private static partial void LogStarted(ILogger logger, string job, long run, RunTrigger trigger);

    [LoggerMessage(EventId = 7511, EventName = "JobEnded", Message = "Job {Job}: run {Run} is {State} after {Seconds:F1} s. {Detail}")]
    private static partial void LogEnded(ILogger logger, LogLevel level, string job, long run, RunState state, double seconds, string detail);

    [LoggerMessage(EventId = 7512, EventName = "JobRunLost", Level = LogLevel.Warning, Message = "Job {Job}: run {Run} has lost its session, and has ended here without effect; another run may have taken over.")]
    private static partial void LogLost(ILogger logger, string job, long run);

    [LoggerMessage(EventId = 7513, EventName = "JobAbandoned", Level = LogLevel.Error,
        Message = "Job {Job}: run {Run} heeds nothing that tells it to end. It has lost its session and its lock, and can change nothing in the database; if it keeps a processor busy, restart the service.")]
    private static partial void LogAbandoned(ILogger logger, string job, long run);

    [LoggerMessage(EventId = 7514, EventName = "JobTooLong", Level = LogLevel.Warning,
        Message = "Job {Job}: run {Run} took {Seconds:F1} s, and is to run every {Interval:F1} s: slots are skipped. Have it run less often, or make it faster.")]
    private static partial void LogTooLong(ILogger logger, string job, long run, double seconds, double interval);
}
