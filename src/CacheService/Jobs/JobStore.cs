using CacheService.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Jobs;

/// <summary>What the scheduler asks and tells the database.</summary>
internal sealed class JobStore(PostgresConnections connections)
{
    private const int SweptAtOnce = 1_000;

    // Locks are looked at as they are, and rows as of the statement's snapshot: of a run that ends meanwhile the lock may be gone already. Whoever acts on it looks again, with the lock.
    // A sign of life need not wait for the disk.
    private const string LookSql =
        $"""
        with me as (
            insert into twjobs.service as s (name, beat) select $1, 1 from (select set_config('synchronous_commit', 'off', true)) as unhurried
                on conflict (name) do update set beat = s.beat + 1, seen_at = clock_timestamp()
        )
        select {JobRow.Columns}, clock_timestamp(), coalesce(h.pid, 0), exists (select from twjobs.run w where w.jobid = j.jobid and w.wants_resume), coalesce(s.beat, 0), {RunRow.Columns}
          from twjobs.job j
          left join twjobs.run r on r.jobid = j.jobid and r.state = 'running'
          left join twjobs.service s on s.name = r.service
          left join ({JobLocks.Holders}) as h on h.jobid = j.jobid
         order by j.jobid
        """;

    private const string RegisterSql =
        "insert into twjobs.job (name, schedule, time_zone, misfire) values ($1, $2, $3, $4) on conflict (name) do nothing";

    private const string SaveLogSql =
        """
        insert into twjobs.log (runid, line, at, text)
        select r.runid, l.* from twjobs.run r cross join unnest($2::int[], $3::timestamptz[], $4::text[]) as l where r.runid = $1
            on conflict do nothing
        """;

    // The last run of a job stays, whenever that was, and the last that was not skipped.
    private const string SweepSql =
        """
        delete from twjobs.run
         where runid in (select r.runid
                           from twjobs.job j
                          cross join lateral (select max(l.runid) as last, coalesce(max(l.runid) filter (where l.state <> 'skipped'), 0) as last_begun from twjobs.run l where l.jobid = j.jobid) as kept
                           left join lateral (select k.runid from twjobs.run k where k.jobid = j.jobid order by k.runid desc offset $2 limit 1) as surplus on true
                           join twjobs.run r on r.jobid = j.jobid
                          where r.state <> 'running' and not r.wants_resume and r.runid not in (kept.last, kept.last_begun)
                            and (r.ended_at < clock_timestamp() - $1 or r.runid <= surplus.runid)
                          limit $3)
        """;

    private const string SweepActionsSql = "delete from twjobs.action where actionid in (select actionid from twjobs.action where at < clock_timestamp() - $1 limit $2)";

    private const string SweepServicesSql = "delete from twjobs.service where seen_at < clock_timestamp() - interval '1 day'";

    /// <summary>How all jobs are. Tells the others that this service lives.</summary>
    public async Task<IReadOnlyList<JobLook>> LookAsync(CancellationToken cancellationToken)
    {
        await using var command = connections.JobsPool.CreateCommand(LookSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = connections.Instance });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var looks = new List<JobLook>();
        while (await reader.ReadAsync(cancellationToken))
        {
            const int More = JobRow.ColumnCount;
            looks.Add(new JobLook(
                JobRow.Read(reader),
                reader.Time(More),
                reader.GetInt32(More + 1),
                reader.GetBoolean(More + 2),
                reader.GetInt64(More + 3),
                reader.Has(More + 4) ? RunRow.Read(reader, More + 4) : null));
        }

        return looks;
    }

    /// <summary>Enters jobs that the database does not have.</summary>
    public async Task RegisterAsync(IEnumerable<Job> jobs, CancellationToken cancellationToken)
    {
        foreach (var job in jobs)
        {
            await using var command = connections.JobsPool.CreateCommand(RegisterSql);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = job.Name });
            command.Parameters.Add(new NpgsqlParameter { Value = job.Schedule ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = job.TimeZone });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = job.Misfire.ToString().ToLowerInvariant() });
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>Saves what a run has logged, in any session.</summary>
    public async Task SaveLogAsync(LiveRun run, CancellationToken cancellationToken)
    {
        if (run.Log.Unsaved().Count > 0)
        {
            await using var connection = await connections.JobsPool.OpenConnectionAsync(cancellationToken);
            await SaveLogAsync(connection, run);
        }
    }

    /// <summary>Saves what a run has logged.</summary>
    public static async Task SaveLogAsync(NpgsqlConnection connection, LiveRun run)
    {
        var lines = run.Log.Unsaved();
        if (lines.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(SaveLogSql, connection) { CommandTimeout = SessionSettings.StatementTimeoutSeconds };
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = run.Row.Id });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. lines.Select(line => line.Line)] });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset[]> { TypedValue = [.. lines.Select(line => line.At)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. lines.Select(line => line.Text)] });
        await command.ExecuteNonQueryAsync();
        run.Log.Forget(lines);
    }

    /// <summary>Ends the statement that a run waits for, if it waits for one.</summary>
    public Task CancelStatementAsync(RunRow run, CancellationToken cancellationToken) => SignalAsync("pg_cancel_backend", run, cancellationToken);

    /// <summary>Ends the session in which a run works, and frees the lock with it.</summary>
    public Task EndSessionAsync(RunRow run, CancellationToken cancellationToken) => SignalAsync("pg_terminate_backend", run, cancellationToken);

    /// <summary>Deletes what is kept no longer, some of it at a time.</summary>
    /// <returns>Whether there may be more.</returns>
    public async Task<bool> SweepAsync(TimeSpan keepFor, int keepRuns, CancellationToken cancellationToken)
    {
        await using var runs = connections.JobsPool.CreateCommand(SweepSql);
        runs.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = keepFor });
        runs.Parameters.Add(new NpgsqlParameter<int> { TypedValue = keepRuns });
        runs.Parameters.Add(new NpgsqlParameter<int> { TypedValue = SweptAtOnce });
        var swept = await runs.ExecuteNonQueryAsync(cancellationToken);
        await using var actions = connections.JobsPool.CreateCommand(SweepActionsSql);
        actions.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = keepFor });
        actions.Parameters.Add(new NpgsqlParameter<int> { TypedValue = SweptAtOnce });
        swept = Math.Max(swept, await actions.ExecuteNonQueryAsync(cancellationToken));
        await using var services = connections.JobsPool.CreateCommand(SweepServicesSql);
        await services.ExecuteNonQueryAsync(cancellationToken);
        return swept == SweptAtOnce;
    }

    // The process that has the job's lock, and only if it is the run's own: another run may have begun, in another process.
    private async Task SignalAsync(string function, RunRow run, CancellationToken cancellationToken)
    {
        await using var command = connections.JobsPool.CreateCommand($"select {function}(h.pid) from ({JobLocks.Holders}) as h where h.jobid = $1 and h.pid = $2");
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = run.JobId });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = run.Backend });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>How a job is.</summary>
/// <param name="Job">The job.</param>
/// <param name="Now">The database's clock.</param>
/// <param name="Holder">The database's process that holds its lock; 0: none.</param>
/// <param name="WantsResume">Whether a run is to be resumed.</param>
/// <param name="Beat">How far the service has counted that has its run under way.</param>
/// <param name="Run">The run that is under way; null: none.</param>
internal sealed record JobLook(JobRow Job, DateTimeOffset Now, int Holder, bool WantsResume, long Beat, RunRow? Run);
