using System.Data;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Jobs;

/// <summary>What people do with jobs. Each is entered with who did it, in the transaction that does it. Thread-safe.</summary>
internal sealed partial class JobControls(
    JobReader reader, JobClaims claims, JobRunner runner, JobScheduler scheduler, PostgresConnections connections, TimeProvider time, ILogger<JobControls> logger)
{
    private const int LongestText = 1_000;
    private const int LongestKey = 200;

    private const string StopSql =
        """
        update twjobs.run set stop = $2, stop_at = clock_timestamp(), stop_by = $3
         where runid = $1 and state = 'running' and (stop is null or stop = 'stop' and $2 = 'cancel')
        """;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan ClaimPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    /// <summary>A text from outside that the database can hold.</summary>
    /// <exception cref="JobRefusedException">It is too long, or has a character that it cannot have.</exception>
    public static string RequireText(string text) =>
        text.Length > LongestText ? throw JobRefusedException.BadRequest($"a text is longer than {LongestText} characters")
        : text.Contains('\0') ? throw JobRefusedException.BadRequest("a text has a character that no text can have (NUL)")
        : text;

    /// <summary>Starts a job now.</summary>
    /// <param name="name">The job.</param>
    /// <param name="parameters">What it is told beside what its schedule tells it.</param>
    /// <param name="isDryRun">Whether it only says what it would do.</param>
    /// <param name="key">Who asks again with the same one gets the same run; empty: none.</param>
    /// <param name="who">Who asks.</param>
    /// <exception cref="JobRefusedException">It is paused, runs already, or is told what it does not know.</exception>
    public async Task<RunRow> StartAsync(string name, IReadOnlyDictionary<string, string> parameters, bool isDryRun, string key, string who)
    {
        if (key.Length > LongestKey)
        {
            throw JobRefusedException.BadRequest($"the idempotency key is longer than {LongestKey} characters");
        }

        var info = await reader.GetJobAsync(name, CancellationToken.None);
        var job = RequireKnown(info);
        RequireParameters(job, parameters);
        return await BeginAsync(job, info, new StartOrder { By = who, Parameters = parameters, IsDryRun = isDryRun, Key = RequireText(key) });
    }

    /// <summary>Refuses what <see cref="StartAsync"/> would refuse, as far as can be known before: for whoever would do something costly in vain.</summary>
    /// <returns>All that the job would be told.</returns>
    /// <exception cref="JobRefusedException">It is paused, runs already, or is told what it does not know.</exception>
    public async Task<IReadOnlyDictionary<string, string>> RequireStartableAsync(string name, IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        var info = await reader.GetJobAsync(name, cancellationToken);
        RequireParameters(RequireKnown(info), parameters);
        if (info.Row.IsPaused)
        {
            throw JobRefusedException.NotNow($"{name} is {info.Row.PausedWords}; unpause it first");
        }

        if (info.Run is { State: RunState.Running } running)
        {
            throw UnderWay(running, name);
        }

        var told = new Dictionary<string, string>(info.Row.Parameters, StringComparer.Ordinal);
        foreach (var (parameter, value) in parameters)
        {
            told[parameter] = value;
        }

        return told;
    }

    /// <summary>Goes on where a run has ended, from its cursor.</summary>
    public async Task<RunRow> ResumeAsync(long id, string who)
    {
        var run = await reader.GetRunAsync(id, CancellationToken.None);
        if (run is { State: not (RunState.Stopped or RunState.Failed or RunState.Lost) } or { Trigger: RunTrigger.Retry })
        {
            throw JobRefusedException.NotNow($"run {id} is {Word(run)}, and cannot be resumed; what was stopped, failed or lost can, everything else can be restarted");
        }

        return await BeginOfAsync(run, RunTrigger.Resume, [], who);
    }

    /// <summary>Does what a run has done once more, from the beginning and for the same slot. A run that is under way is cancelled before.</summary>
    public async Task<RunRow> RestartAsync(long id, string who)
    {
        var run = await reader.GetRunAsync(id, CancellationToken.None);
        if (run.State == RunState.Running)
        {
            run = await StopAsync(id, StopKind.Cancel, who, "restart");
        }

        return await BeginOfAsync(run, RunTrigger.Restart, [], who);
    }

    /// <summary>Tries failed items of a run again.</summary>
    /// <param name="id">The run.</param>
    /// <param name="keys">The items; none: all that have failed.</param>
    /// <param name="who">Who asks.</param>
    public async Task<RunRow> RetryAsync(long id, IReadOnlyList<string> keys, string who)
    {
        var run = await reader.GetRunAsync(id, CancellationToken.None);
        if (run.State == RunState.Running)
        {
            throw JobRefusedException.NotNow($"run {id} is still running; wait until it has ended");
        }

        var failed = (await FailedKeysAsync(id)).ToList();
        var wanted = keys.Count > 0 ? keys : failed;
        if (wanted.FirstOrDefault(key => !failed.Contains(key)) is { } other)
        {
            throw JobRefusedException.NotFound($"run {id} has no failed item '{other}'");
        }

        return wanted.Count > 0 ? await BeginOfAsync(run, RunTrigger.Retry, wanted, who) : throw JobRefusedException.NotNow($"run {id} has no failed items");
    }

    /// <summary>Says of failed items that they are no matter.</summary>
    /// <returns>How many.</returns>
    public async Task<int> IgnoreAsync(long id, IReadOnlyList<string> keys, string who)
    {
        var run = await reader.GetRunAsync(id, CancellationToken.None);
        if (keys.Count == 0)
        {
            throw JobRefusedException.BadRequest("name the items that are to be ignored");
        }

        return await DoAsync(async connection =>
        {
            await using var ignore = new NpgsqlCommand("update twjobs.item set state = 'ignored' where runid = $1 and key = any ($2) and state = 'failed'", connection);
            ignore.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
            ignore.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. keys.Select(RequireText)] });
            var ignored = await ignore.ExecuteNonQueryAsync();
            if (ignored == 0)
            {
                throw JobRefusedException.NotFound($"run {id} has no such failed item");
            }

            await JobActions.NoteAsync(connection, who, "ignore", run.JobId, id, string.Join(", ", keys), CancellationToken.None);
            return ignored;
        });
    }

    /// <summary>Ends a run, whatever it does and wherever it runs, and waits until it has ended.</summary>
    /// <returns>The run: where it came to its end before it was told, it has succeeded.</returns>
    public async Task<RunRow> StopAsync(long id, StopKind kind, string who, string why)
    {
        var run = await reader.GetRunAsync(id, CancellationToken.None);
        if (run.State != RunState.Running)
        {
            throw JobRefusedException.NotNow($"run {id} is not under way: it is {Word(run)}");
        }

        var word = kind.ToString().ToLowerInvariant();
        await DoAsync(async connection =>
        {
            await using var stop = new NpgsqlCommand(StopSql, connection);
            stop.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
            stop.Parameters.Add(new NpgsqlParameter<string> { TypedValue = word });
            stop.Parameters.Add(new NpgsqlParameter<string> { TypedValue = why.Length > 0 ? $"{who} ({RequireText(why)})" : who });
            await stop.ExecuteNonQueryAsync();
            await JobActions.NoteAsync(connection, who, word, run.JobId, id, why, CancellationToken.None);
            return true;
        });
        LogAsked(logger, who, word, run.Job, id);
        for (var started = time.GetTimestamp(); run.State == RunState.Running; run = await reader.GetRunAsync(id, CancellationToken.None))
        {
            if (time.GetElapsedTime(started) > StopPatience)
            {
                throw JobRefusedException.Unavailable($"run {id} has been told to end, and has not ended within {StopPatience.TotalSeconds:F0} s; it goes on being told");
            }

            scheduler.Wake();
            await Task.Delay(Pause, time);
        }

        return run;
    }

    /// <summary>Lets nothing of a job start any more, and leaves what runs alone.</summary>
    public Task<JobInfo> PauseAsync(string name, string why, string who) => ChangeAsync(name, who, "pause", why, async (connection, row, _) =>
    {
        if (row.IsPaused)
        {
            throw JobRefusedException.NotNow($"{row.Name} is {row.PausedWords}");
        }

        await using var pause = new NpgsqlCommand("update twjobs.job set paused_at = clock_timestamp(), paused_by = $2, paused_why = $3 where jobid = $1", connection);
        pause.Parameters.Add(new NpgsqlParameter<int> { TypedValue = row.Id });
        pause.Parameters.Add(new NpgsqlParameter<string> { TypedValue = who });
        pause.Parameters.Add(new NpgsqlParameter<string> { TypedValue = RequireText(why) });
        await pause.ExecuteNonQueryAsync();
    });

    /// <summary>Lets a job start again. Slots that were due meanwhile are skipped.</summary>
    public Task<JobInfo> UnpauseAsync(string name, string who) => ChangeAsync(name, who, "unpause", "", async (connection, row, now) =>
    {
        if (!row.IsPaused)
        {
            throw JobRefusedException.NotNow($"{row.Name} is not paused");
        }

        await JobClaims.SkipAllAsync(connection, row, now, row.PausedWords, CancellationToken.None);
        await using var unpause = new NpgsqlCommand("update twjobs.job set paused_at = null, paused_by = null, paused_why = null where jobid = $1", connection);
        unpause.Parameters.Add(new NpgsqlParameter<int> { TypedValue = row.Id });
        await unpause.ExecuteNonQueryAsync();
    });

    /// <summary>Changes when a job runs, and what it is told then. Slots of the earlier schedule that are due and have not begun are skipped.</summary>
    public async Task<JobInfo> ScheduleAsync(string name, ScheduleChange change, string who)
    {
        if (change.Parameters is { } parameters)
        {
            RequireParameters(RequireKnown(await reader.GetJobAsync(name, CancellationToken.None)), parameters);
        }

        return await ChangeAsync(name, who, "schedule", change.ToString(), async (connection, row, now) =>
        {
            var changed = row with
            {
                Schedule = change.Schedule is null ? row.Schedule : change.Schedule.Trim().Length == 0 ? null : RequireText(change.Schedule.Trim()),
                TimeZone = RequireText(change.TimeZone ?? row.TimeZone),
                Misfire = change.Misfire ?? row.Misfire,
                Parameters = change.Parameters ?? row.Parameters,
            };
            if (changed.ParseSchedule() is { } schedule && schedule.Next(now) is null)
            {
                throw JobRefusedException.BadRequest($"'{changed.Schedule}' never comes");
            }

            await SkipReplacedAsync(connection, row, now);
            await using var save = new NpgsqlCommand("update twjobs.job set schedule = $2, time_zone = $3, misfire = $4, parameters = $5, slots_until = $6 where jobid = $1", connection);
            save.Parameters.Add(new NpgsqlParameter<int> { TypedValue = row.Id });
            save.Parameters.Add(new NpgsqlParameter { Value = changed.Schedule ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
            save.Parameters.Add(new NpgsqlParameter<string> { TypedValue = changed.TimeZone });
            save.Parameters.Add(new NpgsqlParameter<string> { TypedValue = changed.Misfire.ToString().ToLowerInvariant() });
            save.Parameters.Add(new NpgsqlParameter { Value = JsonMaps.Write(changed.Parameters), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Jsonb });
            save.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
            await save.ExecuteNonQueryAsync();
        });
    }

    private static async Task SkipReplacedAsync(NpgsqlConnection connection, JobRow row, DateTimeOffset now)
    {
        try
        {
            await JobClaims.SkipAllAsync(connection, row, now, row.IsPaused ? row.PausedWords : "the schedule was changed", CancellationToken.None);
        }
        catch (JobRefusedException)
        {
            // The earlier schedule cannot be read, and has no slots.
        }
    }

    private async Task<RunRow> BeginOfAsync(RunRow run, RunTrigger trigger, IReadOnlyList<string> items, string who)
    {
        var info = await reader.GetJobAsync(run.Job, CancellationToken.None);
        var job = RequireKnown(info);
        return trigger == RunTrigger.Retry && !job.CanRetry
            ? throw JobRefusedException.NotNow($"{job.Name} cannot try single items again; restart run {run.Id}")
            : await BeginAsync(job, info, new StartOrder { By = who, Trigger = trigger, Of = run, Parameters = run.Parameters, IsDryRun = run.IsDryRun, RetryItems = items });
    }

    private async Task<RunRow> BeginAsync(Job job, JobInfo info, StartOrder order)
    {
        if (order.Key.Length > 0 && await reader.FindAskedAsync(info.Row.Id, order.Key, CancellationToken.None) is { } known)
        {
            return RequireSame(known, order);
        }

        for (var started = time.GetTimestamp(); ; await Task.Delay(Pause, time))
        {
            if (!runner.TryReserve())
            {
                throw new JobRefusedException(JobRefusal.TooMany, "this service has as many runs under way as it may (Jobs:MaxRuns); try again when one has ended");
            }

            // Not the caller's own: what came of a claim that is given up halfway nobody would know.
            using var patience = new CancellationTokenSource(ClaimPatience, time);
            try
            {
                if (await claims.ClaimAsync(job, info.Row.Id, order, patience.Token) is { } claim)
                {
                    runner.Start(claim);
                    scheduler.Wake();
                    return claim.Run;
                }
            }
            catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "run_asked" })
            {
                // Somebody has asked with the same key at the same time.
                return RequireSame((await reader.FindAskedAsync(info.Row.Id, order.Key, CancellationToken.None))!, order);
            }
            catch (OperationCanceledException) when (patience.IsCancellationRequested)
            {
                throw JobRefusedException.Unavailable($"the database has not entered the run within {ClaimPatience.TotalSeconds:F0} s; look whether it has all the same, or ask with an idempotency key again");
            }
            catch (JobRefusedException e) when (e.Refusal == JobRefusal.NotNow && order.Trigger == RunTrigger.Hand)
            {
                await NoteSkippedAsync(info.Row.Id, order, e.Message);
                throw;
            }
            finally
            {
                runner.GiveBack();
            }

            // Somebody has the lock: a run; or one that has just ended, or looks whether one was lost. Whether it is the run that this order asks for is looked at
            // afterwards, because it may have begun just now.
            var latest = (await reader.GetJobAsync(job.Name, CancellationToken.None)).Run;
            if (order.Key.Length > 0 && await reader.FindAskedAsync(info.Row.Id, order.Key, CancellationToken.None) is { } same)
            {
                return RequireSame(same, order);
            }

            if (latest is { State: RunState.Running } running)
            {
                if (order.Trigger == RunTrigger.Hand)
                {
                    await NoteSkippedAsync(info.Row.Id, order, $"run {running.Id} was still running");
                }

                throw UnderWay(running, job.Name);
            }

            if (time.GetElapsedTime(started) > LockPatience)
            {
                throw JobRefusedException.Unavailable($"somebody holds the lock of {job.Name}, and no run is under way; try again in a moment");
            }
        }
    }

    private static JobRefusedException UnderWay(RunRow run, string job) => JobRefusedException.NotNow($"run {run.Id} of {job} is under way; stop it, or wait until it has ended");

    private static RunRow RequireSame(RunRow known, StartOrder order) =>
        known.IsDryRun == order.IsDryRun && known.Parameters.Count == order.Parameters.Count && !known.Parameters.Except(order.Parameters).Any()
            ? known
            : throw JobRefusedException.BadRequest($"this idempotency key has been used for run {known.Id}, with other parameters; use another one");

    // What did not run has to be found by whoever looks why.
    private Task<bool> NoteSkippedAsync(int jobId, StartOrder order, string why) => DoAsync(async connection =>
    {
        await JobClaims.SkipAsync(connection, jobId, order.Trigger, order.By, slots: null, why, CancellationToken.None);
        return true;
    });

    private async Task<JobInfo> ChangeAsync(string name, string who, string what, string detail, Func<NpgsqlConnection, JobRow, DateTimeOffset, Task> change)
    {
        var info = await reader.GetJobAsync(name, CancellationToken.None);
        await DoAsync(async connection =>
        {
            var (row, now) = await JobClaims.LockRowAsync(connection, info.Row.Id, CancellationToken.None);
            await change(connection, row, now);
            await JobActions.NoteAsync(connection, who, what, row.Id, null, detail, CancellationToken.None);
            return true;
        });
        scheduler.Wake();
        return await reader.GetJobAsync(name, CancellationToken.None);
    }

    private async Task<IEnumerable<string>> FailedKeysAsync(long id)
    {
        await using var command = connections.JobsPool.CreateCommand("select key from twjobs.item where runid = $1 and state = 'failed' order by key");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
        await using var keys = await command.ExecuteReaderAsync();
        var all = new List<string>();
        while (await keys.ReadAsync())
        {
            all.Add(keys.GetString(0));
        }

        return all;
    }

    /// <summary>One transaction; again, where a lock was not to be had in a moment.</summary>
    private async Task<T> DoAsync<T>(Func<NpgsqlConnection, Task<T>> statements)
    {
        for (var started = time.GetTimestamp(); ;)
        {
            try
            {
                await using var connection = await connections.JobsPool.OpenConnectionAsync();
                await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted);
                var result = await statements(connection);
                await transaction.CommitAsync();
                return result;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable && time.GetElapsedTime(started) < LockPatience)
            {
                await Task.Delay(Pause, time);
            }
        }
    }

    private static Job RequireKnown(JobInfo info) =>
        info.Job ?? throw JobRefusedException.NotNow($"no job '{info.Row.Name}' is built into this service: ask one that has it, or deploy it here");

    private static void RequireParameters(Job job, IReadOnlyDictionary<string, string> parameters)
    {
        JobRegistry.RequireKnown(job, parameters.Keys);
        foreach (var value in parameters.Values)
        {
            RequireText(value);
        }
    }

    private static string Word(RunRow run) => run.State.ToString().ToLowerInvariant();

    [LoggerMessage(EventId = 7520, EventName = "JobStopAsked", Level = LogLevel.Information, Message = "{Caller} asks to {What} run {Run} of job {Job}.")]
    private static partial void LogAsked(ILogger logger, string caller, string what, string job, long run);
}
