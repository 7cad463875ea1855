using System.Globalization;

namespace CacheService.Jobs.BuiltIn;

/// <summary>
/// Refreshes materialized views, one after the other in the order in which they were created, so that one which reads another comes after it: beside their readers
/// where they have a unique index. Its cursor is the number of the last one.
/// </summary>
internal sealed class RefreshMatViews(TimeProvider time) : Job
{
    private const string Views = "views";

    // MAINTAIN came with PostgreSQL 17.
    private const string ListSql =
        """
        select c.oid::bigint, format('%I.%I', n.nspname, c.relname),
               c.relispopulated and exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null),
               pg_has_role(c.relowner, 'usage') or case when current_setting('server_version_num')::int >= 170000 then has_table_privilege(c.oid, 'maintain') else false end
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'm'
         order by c.oid
        """;

    public override string Name => "refresh-mat-views";

    public override string Description => "Refreshes materialized views: those that are named, or all that the service's role may refresh.";

    public override IReadOnlyList<JobParameter> Parameters => [new(Views, "The views, with commas between them, such as public.sales,public.visits. Without it all that the role may refresh.")];

    public override string? Schedule => "*/5 * * * *";

    public override bool CanRetry => true;

    public override async Task RunAsync(JobRun run)
    {
        var views = await ListAsync(run);
        var after = run.Cursor is { } cursor ? long.Parse(cursor, CultureInfo.InvariantCulture) : 0;
        foreach (var view in Choose(views, run).Where(view => view.Id > after))
        {
            if (run.IsDryRun)
            {
                run.Log(Statement(view));
            }
            else
            {
                await RefreshAsync(run, view, moves: true);
            }
        }
    }

    public override async Task RetryAsync(JobRun run, string key)
    {
        if ((await ListAsync(run)).FirstOrDefault(view => view.Name == key) is { } view)
        {
            await RefreshAsync(run, view, moves: false);
        }
        else
        {
            await run.ItemAsync(key, _ => throw new JobFailedException("there is no such materialized view any more"));
        }
    }

    private async Task RefreshAsync(JobRun run, MatView view, bool moves)
    {
        var started = time.GetTimestamp();
        var isDone = await run.ItemAsync(view.Name, async batch =>
        {
            await using var refresh = batch.Command(Statement(view));
            await refresh.ExecuteNonQueryAsync(run.Stopping);
            var milliseconds = (long)time.GetElapsedTime(started).TotalMilliseconds;
            batch.Done(view.Name, after: new { milliseconds, concurrently = view.IsConcurrent });
            batch.Count("refreshed_views");
            batch.Count("milliseconds", milliseconds);
            batch.Cursor = moves ? view.Id.ToString(CultureInfo.InvariantCulture) : batch.Cursor;
            run.Log(string.Create(CultureInfo.InvariantCulture, $"{view.Name} refreshed in {milliseconds} ms{(view.IsConcurrent ? "" : ", with its readers held up, because it has no unique index or was never filled")}"));
        });
        if (!isDone)
        {
            await run.BatchAsync(batch =>
            {
                batch.Count("failed_views");
                batch.Cursor = moves ? view.Id.ToString(CultureInfo.InvariantCulture) : batch.Cursor;
                return Task.CompletedTask;
            });
        }
    }

    private static async Task<IReadOnlyList<MatView>> ListAsync(JobRun run)
    {
        var views = new List<MatView>();
        await run.BatchAsync(async batch =>
        {
            await using var list = batch.Command(ListSql);
            await using var reader = await list.ExecuteReaderAsync(run.Stopping);
            while (await reader.ReadAsync(run.Stopping))
            {
                views.Add(new MatView(reader.GetInt64(0), reader.GetString(1), reader.GetBoolean(2), reader.GetBoolean(3)));
            }
        });
        return views;
    }

    private static IReadOnlyList<MatView> Choose(IReadOnlyList<MatView> views, JobRun run)
    {
        var named = run.Parameter(Views).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (named.Length == 0)
        {
            foreach (var other in views.Where(view => !view.IsAllowed))
            {
                run.Log($"{other.Name} is left out, because the service's role may not refresh it");
            }

            return [.. views.Where(view => view.IsAllowed)];
        }

        return named.FirstOrDefault(name => views.All(view => view.Name != name)) is { } unknown
            ? throw new JobFailedException($"there is no materialized view {unknown}; there are: {string.Join(", ", views.Select(view => view.Name))}")
            : [.. views.Where(view => named.Contains(view.Name))];
    }

    private static string Statement(MatView view) => $"refresh materialized view {(view.IsConcurrent ? "concurrently " : "")}{view.Name}";

    /// <param name="Id">Its number in the database.</param>
    /// <param name="Name">Its name with its schema, quoted.</param>
    /// <param name="IsConcurrent">Whether it can be refreshed beside its readers.</param>
    /// <param name="IsAllowed">Whether the service's role may refresh it.</param>
    private sealed record MatView(long Id, string Name, bool IsConcurrent, bool IsAllowed);
}
