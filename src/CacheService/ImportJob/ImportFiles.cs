using System.Globalization;
using System.Text.Json;
using CacheService.Import;
using CacheService.Jobs;
using CacheService.Reading;
using Npgsql;

namespace CacheService.ImportJob;

/// <summary>Merges files into tables. How far it has got with a file is kept with the file's rows (<c>twimport.load</c>).</summary>
internal sealed class ImportFiles(ImportFolder folder, ReadGate gate, TimeProvider time) : Job
{
    private const int KeptItems = 1_000;

    private static readonly TimeSpan ServicePatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LogPause = TimeSpan.FromSeconds(2);

    public override string Name => "import";

    public override string Description => "Merges files into tables: the one that is named, or those of the watched folders.";

    public override IReadOnlyList<JobParameter> Parameters => OrderTerms.All;

    public override bool CanRetry => true;

    public override async Task RunAsync(JobRun run)
    {
        folder.ForgetOld();
        if (run.Parameter("file") is { Length: > 0 } name)
        {
            await ImportOnceAsync(
                run, name, name, () => OrderOf(run, name, run.Parameter("into"), run.Parameter("key"), OrderTerms.IsTrue(run.Parameter, "activity")), (_, _) => { });
            if (!run.IsDryRun)
            {
                folder.Forget(name);
            }

            return;
        }

        foreach (var watched in folder.FindWatched())
        {
            await ImportWatchedAsync(run, watched, watched);
        }
    }

    /// <summary>Tries a rejected row again, or a file that was refused.</summary>
    public override Task RetryAsync(JobRun run, string key)
    {
        if (key.Split(' ') is not ["load", var load, "line", var line])
        {
            return ImportWatchedAsync(run, key, ImportFolder.InFailed(key));
        }

        return run.ItemAsync(key, async batch =>
        {
            // It is not there any more where a run that was lost has merged it.
            if (await RejectedRows.RetryAsync(
                batch.Connection, long.Parse(load, CultureInfo.InvariantCulture), long.Parse(line, CultureInfo.InvariantCulture), run.Stopping))
            {
                batch.Count("retried");
            }

            batch.Done(key);
        });
    }

    private async Task ImportWatchedAsync(JobRun run, string key, string name)
    {
        try
        {
            var target = Path.GetDirectoryName(key)!;
            var at = target.LastIndexOf('@');
            var before = folder.StateOf(name);
            await ImportOnceAsync(
                run,
                name,
                FormattableString.Invariant($"{name} {before.Length} {before.WrittenAt.Ticks}"),
                () => at < 0 ? OrderOf(run, name, "", "", isActivity: true) : OrderOf(run, name, target[..at], target[(at + 1)..], isActivity: false),
                (batch, summary) => batch.Done(key, after: summary with { Columns = [], Rejects = [] }));
            if (run.IsDryRun)
            {
                return;
            }

            if (folder.StateOf(name) == before)
            {
                Move(name, Path.GetDirectoryName(name) == target ? "done" : "../done");
            }
            else
            {
                run.Log($"'{name}' was replaced while it was imported: what it is now is imported next");
            }
        }
        catch (JobFailedException e)
        {
            await run.BatchAsync(batch =>
            {
                batch.Fail(key, e.Message);
                return Task.CompletedTask;
            });
            if (!run.IsDryRun && key == name)
            {
                Move(name, "failed");
            }
        }
    }

    private void Move(string name, string where)
    {
        try
        {
            folder.MoveTo(name, where);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JobFailedException($"'{name}' cannot be moved to {where}: {e.Message}", e);
        }
    }

    /// <summary>Imports a file, unless the run that this one resumes was lost after it had.</summary>
    /// <param name="run">The run.</param>
    /// <param name="name">The file's name in the folder.</param>
    /// <param name="identity">By what the file, as it is now, is known.</param>
    /// <param name="orderOf">What to do with it.</param>
    /// <param name="note">Is told what came of it, in the transaction that ends it.</param>
    private async Task ImportOnceAsync(JobRun run, string name, string identity, Func<ImportOrder> orderOf, Action<JobBatch, ImportSummary> note)
    {
        var ended = $"done with {identity}";
        if (run.Cursor == ended)
        {
            return;
        }

        var order = orderOf();
        var session = new RunSession(run);
        var logged = time.GetTimestamp();
        var importer = new Importer(
            session,
            order,
            cancellationToken => gate.PassAsync(new ReadRequirement.Strong(), ServicePatience, cancellationToken),
            time,
            progress =>
            {
                if (time.GetElapsedTime(logged) > LogPause)
                {
                    logged = time.GetTimestamp();
                    run.Log($"{order.Name}: {progress}");
                }
            },
            async summary =>
            {
                var batch = session.Batch!;
                await ReportAsync(run, batch, order, summary);
                note(batch, summary);
                batch.Cursor = ended;
            });
        try
        {
            await importer.RunAsync(run.Stopping);
        }
        catch (ImportException e)
        {
            throw new JobFailedException($"{order.Name}: {e.Message}", e);
        }
        catch (PostgresException e) when (IsOfTable(e) && !run.Stopping.IsCancellationRequested)
        {
            throw new JobFailedException($"{order.Name}, into {order.Table}: {RunFailure.Describe(e)}", e);
        }
    }

    // Not what would end any other import as well: the session is gone, the server stops, or has no room.
    private static bool IsOfTable(PostgresException error) => error.SqlState[..2] is not ("08" or "53" or "57" or "58" or "XX");

    private static async Task ReportAsync(JobRun run, JobBatch batch, ImportOrder order, ImportSummary summary)
    {
        run.Log(string.Create(
            CultureInfo.InvariantCulture,
            $"{order.Name} into {summary.Table} (load {summary.Load}): read {summary.Read}, same {summary.Same}, updated {summary.Updated}, inserted {summary.Inserted}, "
            + $"deleted {summary.Deleted}, superseded {summary.Superseded}, rejected {summary.Rejected}{(summary.WasLoaded ? "; it was loaded before" : "")}"));
        if (summary.Note.Length > 0)
        {
            run.Log(summary.Note);
        }

        if (summary.WasLoaded)
        {
            return;
        }

        foreach (var (number, count) in ((string, long)[])
        [
            ("read", summary.Read), ("same", summary.Same), ("updated", summary.Updated), ("inserted", summary.Inserted), ("deleted", summary.Deleted),
            ("superseded", summary.Superseded), ("rejected", summary.Rejected),
        ])
        {
            batch.Count(number, count);
        }

        if (summary.Rejects.Count == 0 || run.IsDryRun)
        {
            return;
        }

        foreach (var reject in summary.Rejects.Where(reject => reject.Line is not null).Take(KeptItems))
        {
            batch.Fail(string.Create(CultureInfo.InvariantCulture, $"load {summary.Load} line {reject.Line}"), reject.Error, JsonDocument.Parse(reject.Row).RootElement);
        }

        using var file = new StringWriter();
        await RejectsFile.WriteAsync(file, summary.Columns, summary.Rejects);
        batch.Output($"{order.Name}.rejects.csv", "text/csv", file.ToString());
    }

    private ImportOrder OrderOf(JobRun run, string name, string table, string key, bool isActivity) =>
        OrderTerms.OrderOf(run.Parameter, folder.Find(name), table, key, isActivity, run.IsDryRun);
}
