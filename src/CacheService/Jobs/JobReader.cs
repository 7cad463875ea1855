using CacheService.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Jobs;

/// <summary>Reads what people want to know of jobs.</summary>
internal sealed class JobReader(PostgresConnections connections, JobRegistry registry, JobsStatus status)
{
    /// <summary>So many of anything in one answer.</summary>
    public const int Most = 1_000;

    private const int Some = 50;

    private const string ListSql =
        $"""
        select {JobRow.Columns}, clock_timestamp(), {RunRow.Columns}
          from twjobs.job j
          left join twjobs.run r on r.runid = coalesce((select l.runid from twjobs.run l where l.jobid = j.jobid and l.state = 'running'), (select max(l.runid) from twjobs.run l where l.jobid = j.jobid))
         where $1 = '' or j.name = $1
         order by j.name
        """;

    private const string RunsSql =
        $"""
        select {RunRow.Columns}
          from twjobs.run r join twjobs.job j using (jobid)
         where ($1 = '' or j.name = $1) and ($2 = '' or r.state = $2) and ($3 = 0 or r.runid < $3)
         order by r.runid desc limit $4
        """;

    /// <summary>All jobs, or one, each with its run that is under way, else its last one.</summary>
    public async Task<IReadOnlyList<JobInfo>> ListJobsAsync(string name, CancellationToken cancellationToken)
    {
        await using var command = Command(ListSql, Text(name));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var jobs = new List<JobInfo>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (row, now) = (JobRow.Read(reader), reader.Time(JobRow.ColumnCount));
            var (next, problem) = NextOf(row, now);
            jobs.Add(new JobInfo(row, registry.Find(row.Name), reader.Has(JobRow.ColumnCount + 1) ? RunRow.Read(reader, JobRow.ColumnCount + 1) : null, next, problem));
        }

        return jobs;
    }

    /// <summary>One job.</summary>
    /// <exception cref="JobRefusedException">There is none of that name.</exception>
    public async Task<JobInfo> GetJobAsync(string name, CancellationToken cancellationToken)
    {
        var found = name.Length == 0 ? [] : await ListJobsAsync(name, cancellationToken);
        return found is [var one] ? one : throw JobRefusedException.NotFound(name.Length == 0 ? "name a job" : $"there is no job '{name}'; tweetcounts jobs lists them");
    }

    /// <summary>Runs, the latest first.</summary>
    /// <param name="job">Of which job; empty: of all.</param>
    /// <param name="state">In which state; null: in any.</param>
    /// <param name="before">Only those with lower numbers; 0: from the latest on.</param>
    /// <param name="limit">How many at most; 0: some.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<RunRow>> ListRunsAsync(string job, RunState? state, long before, int limit, CancellationToken cancellationToken)
    {
        await using var command = Command(
            RunsSql, Text(job), Text(state?.ToString().ToLowerInvariant() ?? ""), new NpgsqlParameter<long> { TypedValue = before }, new NpgsqlParameter<int> { TypedValue = LimitOf(limit) });
        return await ReadAsync(command, static reader => RunRow.Read(reader), cancellationToken);
    }

    /// <summary>One run.</summary>
    /// <exception cref="JobRefusedException">There is none of that number.</exception>
    public async Task<RunRow> GetRunAsync(long id, CancellationToken cancellationToken)
    {
        await using var command = Command($"select {RunRow.Columns} from twjobs.run r join twjobs.job j using (jobid) where r.runid = $1", new NpgsqlParameter<long> { TypedValue = id });
        return await ReadAsync(command, static reader => RunRow.Read(reader), cancellationToken) is [var run] ? run : throw JobRefusedException.NotFound($"there is no run {id}, or none any more");
    }

    /// <summary>The run that was asked for with a key; null: none.</summary>
    public async Task<RunRow?> FindAskedAsync(int jobId, string key, CancellationToken cancellationToken)
    {
        await using var command = Command(
            $"select {RunRow.Columns} from twjobs.run r join twjobs.job j using (jobid) where r.jobid = $1 and r.asked_key = $2", new NpgsqlParameter<int> { TypedValue = jobId }, Text(key));
        return (await ReadAsync(command, static reader => RunRow.Read(reader), cancellationToken)).SingleOrDefault();
    }

    /// <summary>The items of a run by their keys: the failed ones first.</summary>
    /// <param name="run">The run.</param>
    /// <param name="state">In which state; null: in any.</param>
    /// <param name="limit">How many at most; 0: some.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<RunItem>> ListItemsAsync(long run, ItemState? state, int limit, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            select key, state, before::text, after::text, error, attempts, at from twjobs.item
             where runid = $1 and ($2 = '' or state = $2) order by state <> 'failed', key limit $3
            """;
        await using var command = Command(
            Sql, new NpgsqlParameter<long> { TypedValue = run }, Text(state?.ToString().ToLowerInvariant() ?? ""), new NpgsqlParameter<int> { TypedValue = LimitOf(limit) });
        return await ReadAsync(
            command,
            static reader => new RunItem(
                reader.GetString(0), Enum.Parse<ItemState>(reader.GetString(1), ignoreCase: true), reader.TextOrNull(2), reader.TextOrNull(3), reader.GetString(4), reader.GetInt32(5), reader.Time(6)),
            cancellationToken);
    }

    /// <summary>How many items of a run have failed, and how many there are.</summary>
    public async Task<(long Failed, long All)> CountItemsAsync(long run, CancellationToken cancellationToken)
    {
        await using var command = Command("select count(*) filter (where state = 'failed'), count(*) from twjobs.item where runid = $1", new NpgsqlParameter<long> { TypedValue = run });
        return (await ReadAsync(command, static reader => (reader.GetInt64(0), reader.GetInt64(1)), cancellationToken))[0];
    }

    /// <summary>What a run has logged.</summary>
    /// <param name="run">The run.</param>
    /// <param name="after">Only the lines after this one.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<RunLogLine>> ListLogAsync(long run, int after, CancellationToken cancellationToken)
    {
        await using var command = Command(
            "select line, at, text from twjobs.log where runid = $1 and line > $2 order by line limit $3",
            new NpgsqlParameter<long> { TypedValue = run }, new NpgsqlParameter<int> { TypedValue = after }, new NpgsqlParameter<int> { TypedValue = Most });
        return await ReadAsync(command, static reader => new RunLogLine(reader.GetInt32(0), reader.Time(1), reader.GetString(2)), cancellationToken);
    }

    /// <summary>The names of what a run has made.</summary>
    public async Task<IReadOnlyList<string>> ListOutputsAsync(long run, CancellationToken cancellationToken)
    {
        await using var command = Command("select name from twjobs.output where runid = $1 order by name", new NpgsqlParameter<long> { TypedValue = run });
        return await ReadAsync(command, static reader => reader.GetString(0), cancellationToken);
    }

    /// <summary>Something that a run has made.</summary>
    /// <exception cref="JobRefusedException">It has made nothing of that name.</exception>
    public async Task<RunOutput> GetOutputAsync(long run, string name, CancellationToken cancellationToken)
    {
        await using var command = Command("select name, content_type, content from twjobs.output where runid = $1 and name = $2", new NpgsqlParameter<long> { TypedValue = run }, Text(name));
        return await ReadAsync(command, static reader => new RunOutput(reader.GetString(0), reader.GetString(1), reader.GetString(2)), cancellationToken) is [var output]
            ? output
            : throw JobRefusedException.NotFound($"run {run} has no output '{name}'");
    }

    /// <summary>What people did, the latest first.</summary>
    /// <param name="job">To which job; empty: to all.</param>
    /// <param name="before">Only those with lower numbers; 0: from the latest on.</param>
    /// <param name="limit">How many at most; 0: some.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<JobAction>> ListActionsAsync(string job, long before, int limit, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            select a.actionid, a.at, a.who, a.what, coalesce(j.name, ''), coalesce(a.runid, 0), a.detail
              from twjobs.action a left join twjobs.job j using (jobid)
             where ($1 = '' or j.name = $1) and ($2 = 0 or a.actionid < $2)
             order by a.actionid desc limit $3
            """;
        await using var command = Command(Sql, Text(job), new NpgsqlParameter<long> { TypedValue = before }, new NpgsqlParameter<int> { TypedValue = LimitOf(limit) });
        return await ReadAsync(
            command,
            static reader => new JobAction(reader.GetInt64(0), reader.Time(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetInt64(5), reader.GetString(6)),
            cancellationToken);
    }

    private static (DateTimeOffset? Next, string Problem) NextOf(JobRow row, DateTimeOffset now)
    {
        try
        {
            return (row.IsPaused ? null : row.ParseSchedule()?.Next(now), "");
        }
        catch (JobRefusedException e)
        {
            return (null, e.Message);
        }
    }

    private static int LimitOf(int limit) => limit switch
    {
        0 => Some,
        > 0 and <= Most => limit,
        _ => throw JobRefusedException.BadRequest($"limit is {limit}; use 1 to {Most}, or 0 for the default of {Some}"),
    };

    private NpgsqlCommand Command(string sql, params NpgsqlParameter[] parameters)
    {
        status.Require();
        var command = connections.JobsPool.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        return command;
    }

    private static async Task<IReadOnlyList<T>> ReadAsync<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    private static NpgsqlParameter Text(string text) => new() { Value = JobControls.RequireText(text), NpgsqlDbType = NpgsqlDbType.Text };
}

/// <summary>What there is to know of a job.</summary>
/// <param name="Row">As the database has it.</param>
/// <param name="Job">As this service knows it; null: it does not.</param>
/// <param name="Run">Its run that is under way, else its last one; null: none yet.</param>
/// <param name="Next">When it is due next; null: not by itself.</param>
/// <param name="Problem">Why its schedule cannot be followed here; empty: it can.</param>
internal sealed record JobInfo(JobRow Row, Job? Job, RunRow? Run, DateTimeOffset? Next, string Problem);

/// <summary>What somebody did: a row of <c>twjobs.action</c>.</summary>
internal sealed record JobAction(long Id, DateTimeOffset At, string Who, string What, string Job, long Run, string Detail);
