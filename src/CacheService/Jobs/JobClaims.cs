using System.Data;
using CacheService.Metrics;
using CacheService.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Jobs;

/// <summary>
/// Decides what runs next of a job, and enters it: in one transaction, with the job's lock and its row held, so that of all services one decides at a time, and finds what the others have decided. Slots are due by
/// the database's clock.
/// </summary>
internal sealed class JobClaims(PostgresConnections connections)
{
    /// <summary>A run that was lost so often in a row before it had done anything is not resumed any more: it may be what its services die of.</summary>
    public const int MostLosses = 3;

    private const string RowSql = $"select {JobRow.Columns}, clock_timestamp() from twjobs.job j where j.jobid = $1 for no key update";

    private const string CloseSql =
        $"""
        update twjobs.run r
           set state = case r.stop when 'stop' then 'stopped' when 'cancel' then 'cancelled' else 'lost' end,
               detail = case when r.stop is not null then format('by %s; it did not end by itself, and was abandoned', r.stop_by)
                             when r.losses + 1 >= $2 and r.cursor is not distinct from r.first_cursor then format('its service or its session was lost, %s times in a row before anything was done: it is not resumed any more', $2)
                             else 'its service or its session was lost' end,
               ended_at = clock_timestamp(),
               losses = case when r.stop is not null then r.losses when r.cursor is distinct from r.first_cursor then 1 else r.losses + 1 end,
               wants_resume = r.stop is null and (r.cursor is distinct from r.first_cursor or r.losses + 1 < $2)
          from twjobs.job j
         where r.jobid = $1 and r.state = 'running' and j.jobid = r.jobid
        returning {RunRow.Columns}
        """;

    // A slot that has its row already, whoever has moved the job's clock back, does not get another.
    private const string InsertSql =
        $"""
        with r as (
            insert into twjobs.run (jobid, state, trigger, of_run, slot, asked_by, asked_key, parameters, dry_run, retry_items, service, backend, started_at, first_cursor, cursor, numbers, losses)
            values ($1, 'running', $2, $3, $4, $5, $6, $7, $8, $9, $10, pg_backend_pid(), clock_timestamp(), $11, $11, $12, $13)
                on conflict (jobid, slot) where trigger = 'schedule' do nothing
            returning *
        )
        select {RunRow.Columns} from r join twjobs.job j using (jobid)
        """;

    private const string SkipSql =
        """
        insert into twjobs.run (jobid, state, detail, trigger, slot, last_slot, slots, asked_by, ended_at)
        values ($1, 'skipped', $2, $3, $4, $5, $6, $7, clock_timestamp())
            on conflict (jobid, slot) where trigger = 'schedule' do nothing
        """;

    /// <summary>Takes the lock of a job, closes what was lost, and enters what is to run next.</summary>
    /// <param name="job">The job.</param>
    /// <param name="jobId">Its number.</param>
    /// <param name="order">What somebody wants; null: what is due, or to be resumed.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null: nothing, or somebody else has the lock.</returns>
    /// <exception cref="JobRefusedException">The order cannot be carried out.</exception>
    public async Task<ClaimedRun?> ClaimAsync(Job job, int jobId, StartOrder? order, CancellationToken cancellationToken)
    {
        var session = await JobSession.TryOpenAsync(connections, jobId, cancellationToken);
        if (session is null)
        {
            return null;
        }

        var isClaimed = false;
        try
        {
            await CloseLostAsync(session.Connection, jobId, cancellationToken);
            var run = await EnterAsync(session.Connection, job, jobId, order, cancellationToken);
            isClaimed = run is not null;
            return run is null ? null : new ClaimedRun(job, run.Value.Run, run.Value.Job, session);
        }
        finally
        {
            if (!isClaimed)
            {
                await session.DisposeAsync();
            }
        }
    }

    /// <summary>Closes the run of a job whose lock is free, without beginning another.</summary>
    public async Task RecoverAsync(int jobId, CancellationToken cancellationToken)
    {
        if (await JobSession.TryOpenAsync(connections, jobId, cancellationToken) is { } session)
        {
            await using (session)
            {
                await CloseLostAsync(session.Connection, jobId, cancellationToken);
            }
        }
    }

    /// <summary>Enters slots as skipped that are due while the job is paused or runs.</summary>
    public async Task SkipDueAsync(int jobId, CancellationToken cancellationToken)
    {
        await using var connection = await connections.JobsPool.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        var (row, now) = await LockRowAsync(connection, jobId, cancellationToken);
        await using var running = new NpgsqlCommand("select runid from twjobs.run where jobid = $1 and state = 'running'", connection) { Parameters = { Number(jobId) } };
        var run = await running.ExecuteScalarAsync(cancellationToken) as long?;
        if (row.IsPaused)
        {
            await SkipAllAsync(connection, row, now, row.PausedWords, cancellationToken);
        }
        else if (run is not null && row.Misfire != Misfire.All)
        {
            await SkipAllAsync(connection, row, now, $"run {run} was still running", cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Locks the row of a job, and reads the database's clock.</summary>
    /// <exception cref="JobRefusedException">There is none.</exception>
    public static async Task<(JobRow Row, DateTimeOffset Now)> LockRowAsync(NpgsqlConnection connection, int jobId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(RowSql, connection) { Parameters = { Number(jobId) } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (JobRow.Read(reader), reader.Time(JobRow.ColumnCount))
            : throw JobRefusedException.NotFound("the job is gone");
    }

    /// <summary>Enters all slots of a job that are due as skipped. With the row locked.</summary>
    public static async Task SkipAllAsync(NpgsqlConnection connection, JobRow row, DateTimeOffset now, string why, CancellationToken cancellationToken)
    {
        if (row.ParseSchedule() is { } schedule && SlotRange.Of(schedule.Between(row.SlotsAfter(now), now).Take(DueSlots.Most)) is { } due)
        {
            await SkipAsync(connection, row.Id, RunTrigger.Schedule, "the schedule", due, why, cancellationToken);
            await MoveAsync(connection, row.Id, due.Last, cancellationToken);
        }
    }

    /// <summary>Enters what does not run, and why.</summary>
    public static async Task SkipAsync(NpgsqlConnection connection, int jobId, RunTrigger trigger, string askedBy, SlotRange? slots, string why, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(SkipSql, connection)
        {
            Parameters =
            {
                Number(jobId), Text(why), Text(Word(trigger)), Time(slots?.First), Time(slots?.Last), new NpgsqlParameter<long> { TypedValue = slots?.Count ?? 1 }, Text(askedBy),
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
        Instruments.JobRuns.Increment(RunOutcome.Skipped);
    }

    private static async Task CloseLostAsync(NpgsqlConnection connection, int jobId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(CloseSql, connection) { Parameters = { Number(jobId), Number(MostLosses) } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            Instruments.JobRuns.Increment(Enum.Parse<RunOutcome>(RunRow.Read(reader).State.ToString()));
        }
    }

    private async Task<(RunRow Run, JobRow Job)?> EnterAsync(NpgsqlConnection connection, Job job, int jobId, StartOrder? order, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        var (row, now) = await LockRowAsync(connection, jobId, cancellationToken);
        var run = order is not null
            ? await EnterOrderAsync(connection, row, order, cancellationToken)
            : await EnterDueAsync(connection, job, row, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return run is null ? null : (run, row);
    }

    private async Task<RunRow?> EnterOrderAsync(NpgsqlConnection connection, JobRow row, StartOrder order, CancellationToken cancellationToken)
    {
        if (row.IsPaused)
        {
            throw JobRefusedException.NotNow($"{row.Name} is {row.PausedWords}; unpause it first");
        }

        if (order is { Trigger: RunTrigger.Resume, Of: { } of })
        {
            await RequireNotResumedAsync(connection, of.Id, cancellationToken);
            await TakeResumedAsync(connection, of.Id, cancellationToken);
        }

        var run = await InsertAsync(
            connection,
            new RunRow
            {
                Id = 0,
                JobId = row.Id,
                Job = row.Name,
                State = RunState.Running,
                Trigger = order.Trigger,
                OfRun = order.Of?.Id,
                Slot = order.Of?.Slot,
                AskedBy = order.By,
                Parameters = order.Parameters,
                IsDryRun = order.IsDryRun,
                RetryItems = order.RetryItems,
                Cursor = order.Trigger == RunTrigger.Resume ? order.Of!.Cursor : null,
                Numbers = order.Trigger == RunTrigger.Resume ? order.Of!.Numbers : new Dictionary<string, long>(),
            },
            order.Key,
            cancellationToken);
        await JobActions.NoteAsync(connection, order.By, order.Trigger == RunTrigger.Hand ? "start" : Word(order.Trigger), row.Id, run!.Id, order.IsDryRun ? "dry run" : "", cancellationToken);
        return run;
    }

    private async Task<RunRow?> EnterDueAsync(NpgsqlConnection connection, Job job, JobRow row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (row.IsPaused)
        {
            await SkipAllAsync(connection, row, now, row.PausedWords, cancellationToken);
            return null;
        }

        if (await FindResumableAsync(connection, row.Id, cancellationToken) is { } lost)
        {
            await TakeResumedAsync(connection, lost.Id, cancellationToken);
            if (job.IsResumed)
            {
                return await InsertAsync(
                    connection,
                    lost with { Trigger = lost.Trigger == RunTrigger.Retry ? RunTrigger.Retry : RunTrigger.Resume, OfRun = lost.Trigger == RunTrigger.Retry ? lost.OfRun : lost.Id },
                    key: "",
                    cancellationToken);
            }
        }

        if (row.ParseSchedule() is not { } schedule || DueSlots.Of(schedule, row.Misfire, row.SlotsAfter(now), now) is not { Until: { } until } due)
        {
            return null;
        }

        await MoveAsync(connection, row.Id, until, cancellationToken);
        if (due.Missed is { } missed)
        {
            await SkipAsync(connection, row.Id, RunTrigger.Schedule, "the schedule", missed, "missed: no service was free to run it in time", cancellationToken);
        }

        return due.Run is null ? null : await InsertAsync(
            connection,
            new RunRow { Id = 0, JobId = row.Id, Job = row.Name, State = RunState.Running, Trigger = RunTrigger.Schedule, Slot = due.Run, AskedBy = "the schedule" },
            key: "",
            cancellationToken);
    }

    private async Task<RunRow?> InsertAsync(NpgsqlConnection connection, RunRow run, string key, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(InsertSql, connection)
        {
            Parameters =
            {
                Number(run.JobId),
                Text(Word(run.Trigger)),
                new NpgsqlParameter { Value = run.OfRun ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint },
                Time(run.Slot),
                Text(run.AskedBy),
                NullableText(key.Length > 0 ? key : null),
                Json(JsonMaps.Write(run.Parameters)),
                new NpgsqlParameter<bool> { TypedValue = run.IsDryRun },
                new NpgsqlParameter { Value = run.RetryItems.Count > 0 ? run.RetryItems.ToArray() : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                Text(connections.Instance),
                NullableText(run.Cursor),
                Json(JsonMaps.Write(run.Numbers)),
                Number(run.Losses),
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? RunRow.Read(reader) : null;
    }

    private static async Task<RunRow?> FindResumableAsync(NpgsqlConnection connection, int jobId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {RunRow.Columns} from twjobs.run r join twjobs.job j using (jobid) where r.jobid = $1 and r.wants_resume order by r.runid limit 1";
        await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { Number(jobId) } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? RunRow.Read(reader) : null;
    }

    private static async Task RequireNotResumedAsync(NpgsqlConnection connection, long runId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select max(runid) from twjobs.run where of_run = $1 and trigger = 'resume'", connection) { Parameters = { new NpgsqlParameter<long> { TypedValue = runId } } };
        if (await command.ExecuteScalarAsync(cancellationToken) is long later)
        {
            throw JobRefusedException.NotNow($"run {runId} was resumed already, by run {later}");
        }
    }

    private static async Task TakeResumedAsync(NpgsqlConnection connection, long runId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("update twjobs.run set wants_resume = false where runid = $1", connection) { Parameters = { new NpgsqlParameter<long> { TypedValue = runId } } };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task MoveAsync(NpgsqlConnection connection, int jobId, DateTimeOffset until, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("update twjobs.job set slots_until = $2 where jobid = $1", connection) { Parameters = { Number(jobId), Time(until) } };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string Word(RunTrigger trigger) => trigger.ToString().ToLowerInvariant();

    private static NpgsqlParameter<int> Number(int number) => new() { TypedValue = number };

    private static NpgsqlParameter<string> Text(string text) => new() { TypedValue = text };

    private static NpgsqlParameter NullableText(string? text) => new() { Value = text ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Json(string json) => new() { Value = json, NpgsqlDbType = NpgsqlDbType.Jsonb };

    private static NpgsqlParameter Time(DateTimeOffset? time) => new() { Value = time ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}

/// <summary>A run that was entered, and is to be begun.</summary>
/// <param name="Job">What it is a run of.</param>
/// <param name="Run">The run.</param>
/// <param name="JobRow">The job as it was then.</param>
/// <param name="Session">In which it works.</param>
internal sealed record ClaimedRun(Job Job, RunRow Run, JobRow JobRow, JobSession Session);
