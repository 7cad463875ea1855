using System.Data;
using CacheService.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Jobs;

/// <summary>A run of a job, as the job sees it. Its methods are for one caller at a time; the log for any.</summary>
internal sealed class JobRun(RunRow row, IReadOnlyDictionary<string, string> parameters, NpgsqlConnection connection, RunLog log, CancellationToken stopping)
{
    private const string SaveSql = "update twjobs.run set cursor = $2, numbers = $3 where runid = $1 and state = 'running'";

    private const string ItemSql =
        """
        insert into twjobs.item as i (runid, key, state, before, after, error) values ($1, $2, $3, $4, $5, $6)
            on conflict (runid, key) do update
               set state = excluded.state, before = coalesce(i.before, excluded.before), after = excluded.after, error = excluded.error, attempts = i.attempts + 1, at = clock_timestamp()
        """;

    private const string OutputSql =
        """
        insert into twjobs.output (runid, name, content_type, content) values ($1, $2, $3, $4)
            on conflict (runid, name) do update set content_type = excluded.content_type, content = excluded.content
        """;

    private readonly Dictionary<string, long> _numbers = new(row.Numbers, StringComparer.Ordinal);

    // What is tried again is still the other run's.
    private readonly long _itemsOf = row.Trigger == RunTrigger.Retry ? row.OfRun ?? row.Id : row.Id;

    /// <summary>Its number, by which its operator knows it.</summary>
    public long Id => row.Id;

    /// <summary>When it was due, by the schedule; else when it was begun. A run that resumes or restarts another one has that one's.</summary>
    public DateTimeOffset DueAt => row.Slot ?? row.StartedAt!.Value;

    /// <summary>Whether it is to change nothing, and to say what it would do.</summary>
    public bool IsDryRun => row.IsDryRun;

    /// <summary>What <see cref="JobBatch.Cursor"/> was set to last, by this run or by the one that it resumes; null: begin at the beginning.</summary>
    public string? Cursor { get; private set; } = row.Cursor;

    /// <summary>Somebody wants it to end, or it is lost. What takes long has to heed it.</summary>
    public CancellationToken Stopping => stopping;

    /// <summary>What was counted so far, also by the run that this one resumes.</summary>
    public IReadOnlyDictionary<string, long> Numbers => _numbers;

    /// <summary>Whether some items have failed.</summary>
    public bool HasFailedItems { get; private set; }

    /// <summary>What the job was told; empty: nothing.</summary>
    public string Parameter(string name) => parameters.GetValueOrDefault(name, "");

    /// <summary>Writes a line to the run's log, which is kept with it.</summary>
    public void Log(string text) => log.Add(text);

    /// <summary>Does one step of the work: all of it, with all that it reports, in one transaction.</summary>
    /// <param name="work">The step.</param>
    /// <exception cref="RunLostException">The run has been taken for lost, and nothing of the step has happened.</exception>
    public async Task BatchAsync(Func<JobBatch, Task> work)
    {
        stopping.ThrowIfCancellationRequested();
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, stopping);
        var batch = new JobBatch(connection, Cursor);
        await work(batch);
        var numbers = new Dictionary<string, long>(_numbers, StringComparer.Ordinal);
        foreach (var (name, by) in batch.Numbers)
        {
            numbers[name] = numbers.GetValueOrDefault(name) + by;
        }

        await SaveAsync(batch, numbers);
        // Not to be cancelled: what came of it would not be known.
        await transaction.CommitAsync(CancellationToken.None);
        Cursor = batch.Cursor;
        HasFailedItems |= batch.Items.Any(item => item.State == ItemState.Failed);
        foreach (var (name, number) in numbers)
        {
            _numbers[name] = number;
        }
    }

    /// <summary>Does the work of one item. If it fails, nothing of it has happened, the item is marked, and the run goes on.</summary>
    /// <param name="key">What the item is called.</param>
    /// <param name="work">The work, which says what it did by <see cref="JobBatch.Done"/>.</param>
    /// <returns>Whether it succeeded.</returns>
    public async Task<bool> ItemAsync(string key, Func<JobBatch, Task> work)
    {
        try
        {
            await BatchAsync(work);
            return true;
        }
        catch (Exception e) when (IsOfItem(e))
        {
            var words = RunFailure.Describe(e);
            Log($"{key} failed: {words}");
            await BatchAsync(batch =>
            {
                batch.Fail(key, words);
                return Task.CompletedTask;
            });
            return false;
        }
    }

    // What ends the run is no fault of an item.
    private bool IsOfItem(Exception error) => !stopping.IsCancellationRequested && error is not RunLostException && connection.State == ConnectionState.Open;

    private async Task SaveAsync(JobBatch batch, IReadOnlyDictionary<string, long> numbers)
    {
        foreach (var item in batch.Items)
        {
            await ExecuteAsync(
                ItemSql,
                _itemsOf,
                new NpgsqlParameter<string> { TypedValue = item.Key },
                new NpgsqlParameter<string> { TypedValue = item.State.ToString().ToLowerInvariant() },
                Json(item.Before),
                Json(item.After),
                new NpgsqlParameter<string> { TypedValue = item.Error });
        }

        foreach (var output in batch.Outputs)
        {
            await ExecuteAsync(
                OutputSql,
                Id,
                new NpgsqlParameter<string> { TypedValue = output.Name },
                new NpgsqlParameter<string> { TypedValue = output.ContentType },
                new NpgsqlParameter<string> { TypedValue = output.Content });
        }

        // Last, so that whoever wants to stop the run need not wait for the lock of its row.
        if (await ExecuteAsync(SaveSql, Id, new NpgsqlParameter { Value = batch.Cursor ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text }, Json(JsonMaps.Write(numbers))) != 1)
        {
            throw new RunLostException();
        }
    }

    private async Task<int> ExecuteAsync(string sql, long runId, params NpgsqlParameter[] more)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = SessionSettings.StatementTimeoutSeconds };
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = runId });
        command.Parameters.AddRange(more);
        return await command.ExecuteNonQueryAsync(stopping);
    }

    private static NpgsqlParameter Json(string? json) => new() { Value = json ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb };
}

/// <summary>The run has been taken for lost or was ended, and what it does has no effect any more.</summary>
internal sealed class RunLostException() : Exception("the run was taken for lost, or was ended, and does nothing any more");
