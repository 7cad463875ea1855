using System.Globalization;
using System.Text.Json;
using CacheService.Import;
using CacheService.Jobs;
using CacheService.Reading;

namespace CacheService.ImportJob;

/// <summary>Merges files into tables. How far it has got with a file is kept with the file's rows (<c>twimport.load</c>), so that the run itself needs no cursor.</summary>
internal sealed class ImportFiles(ImportFolder folder, ReadGate gate, TimeProvider time) : Job
{
    private const int KeptItems = 1_000;

    private static readonly TimeSpan ServicePatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LogPause = TimeSpan.FromSeconds(2);

    public override string Name => "import";

    public override string Description => "Merges files into tables: the one that is named, or those of the watched folders.";

    public override IReadOnlyList<JobParameter> Parameters =>
    [
        new("file", "A file in Import:Directory. Without it: all files of its folders TABLE@KEY and activity, the oldest first."),
        new("into", "The table, with its schema."),
        new("key", "The columns by which a row is found again, with commas between them."),
        new("activity", "true: the file has the columns message, action and time, and is added to tweet.activity.", "false"),
        new("columns", "The table's columns in the file's order, in place of its header; a hyphen leaves one out."),
        new("no_header", "true: the first line is a row.", "false"),
        new("separator", "What stands between values; tab for a tabulator. Without it: found out."),
        new("encoding", "How the file is encoded.", "utf-8"),
        new("null", "What stands for NULL beside nothing at all."),
        new("dates", "How dates such as 1/2/2017 are meant: ymd, dmy or mdy.", "ymd"),
        new("as_of", "The file's date, such as 2017-06-01; else when it was last written to."),
        new("delete_missing", "true: the table's rows that the file lacks are deleted.", "false"),
        new("max_delete", "How many percent of the table may be deleted before it is taken for a mistake.", "10"),
        new("max_rejects", "How many rows may be rejected before the file is taken for a wrong one.", "10000"),
        new("max_load", "The share of its time for which the job works; the rest it pauses.", "0.2"),
    ];

    public override bool CanRetry => true;

    public override async Task RunAsync(JobRun run)
    {
        folder.ForgetOld();
        if (run.Parameter("file") is { Length: > 0 } name)
        {
            var order = OrderOf(run, folder.Find(name), run.Parameter("into"), run.Parameter("key"), Flag(run, "activity"));
            await ImportAsync(run, order);
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
            await RejectedRows.RetryAsync(batch.Connection, long.Parse(load, CultureInfo.InvariantCulture), long.Parse(line, CultureInfo.InvariantCulture), run.Stopping);
            batch.Count("retried");
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
            var summary = await ImportAsync(run, at < 0 ? OrderOf(run, folder.Find(name), "", "", isActivity: true) : OrderOf(run, folder.Find(name), target[..at], target[(at + 1)..], isActivity: false));
            if (!run.IsDryRun)
            {
                await run.BatchAsync(batch =>
                {
                    batch.Done(key, after: summary with { FirstRejects = [] });
                    return Task.CompletedTask;
                });
                if (folder.StateOf(name) == before)
                {
                    Move(name, Path.GetDirectoryName(name) == target ? "done" : "../done");
                }
                else
                {
                    run.Log($"'{name}' was replaced while it was imported: what it is now is imported next");
                }
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

    private async Task<ImportSummary> ImportAsync(JobRun run, ImportOrder order)
    {
        var logged = time.GetTimestamp();
        var importer = new Importer(
            new RunSession(run),
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
            });
        try
        {
            var summary = await importer.RunAsync(run.Stopping);
            await ReportAsync(run, order, importer, summary);
            return summary;
        }
        catch (ImportException e)
        {
            throw new JobFailedException($"{order.Name}: {e.Message}", e);
        }
    }

    private static async Task ReportAsync(JobRun run, ImportOrder order, Importer importer, ImportSummary summary)
    {
        run.Log(string.Create(
            CultureInfo.InvariantCulture,
            $"{order.Name} into {summary.Table} (load {summary.Load}): read {summary.Read}, same {summary.Same}, updated {summary.Updated}, inserted {summary.Inserted}, deleted {summary.Deleted}, superseded {summary.Superseded}, rejected {summary.Rejected}{(summary.WasLoaded ? "; it was loaded before" : "")}"));
        if (summary.Note.Length > 0)
        {
            run.Log(summary.Note);
        }

        if (summary.WasLoaded)
        {
            return;
        }

        var rejects = summary.Rejected == 0 || run.IsDryRun ? [] : await importer.ReadRejectsAsync(summary.Load, run.Stopping);
        using var file = new StringWriter();
        await importer.WriteRejectsAsync(summary.Load, file, run.Stopping);
        await run.BatchAsync(batch =>
        {
            foreach (var (number, count) in ((string, long)[])
            [
                ("read", summary.Read), ("same", summary.Same), ("updated", summary.Updated), ("inserted", summary.Inserted), ("deleted", summary.Deleted), ("superseded", summary.Superseded),
                ("rejected", summary.Rejected),
            ])
            {
                batch.Count(number, count);
            }

            foreach (var reject in rejects.Where(reject => reject.Line is not null).Take(KeptItems))
            {
                batch.Fail(string.Create(CultureInfo.InvariantCulture, $"load {summary.Load} line {reject.Line}"), reject.Error, JsonDocument.Parse(reject.Row).RootElement);
            }

            if (rejects.Count > 0)
            {
                batch.Output($"{order.Name}.rejects.csv", "text/csv", file.ToString());
            }

            return Task.CompletedTask;
        });
    }

    private static ImportOrder OrderOf(JobRun run, string path, string table, string key, bool isActivity)
    {
        if (!isActivity && (table.Length == 0 || key.Length == 0))
        {
            throw new JobFailedException("say into which table, and by which key: into, such as moma.artist, and key, such as constituentid; or activity, true");
        }

        var order = new ImportOrder
        {
            Path = path,
            Name = Path.GetFileName(path),
            Table = table,
            Key = key.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            Columns = run.Parameter("columns").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            HasHeader = !Flag(run, "no_header"),
            Separator = run.Parameter("separator") switch
            {
                "" => null,
                "tab" => '\t',
                [var one] when one is not ('"' or '\n' or '\r') && !char.IsLetterOrDigit(one) => one,
                var other => throw new JobFailedException($"separator is '{other}'; write one character such as ; or the word tab"),
            },
            Encoding = run.Parameter("encoding"),
            NullText = run.Parameter("null") is { Length: > 0 } text ? text : null,
            DateOrder = run.Parameter("dates") is "ymd" or "dmy" or "mdy" ? run.Parameter("dates") : throw new JobFailedException($"dates is '{run.Parameter("dates")}'; write ymd, dmy or mdy"),
            AsOf = run.Parameter("as_of") is not { Length: > 0 } asOf ? null
                : DateTimeOffset.TryParse(asOf, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) ? date : throw new JobFailedException($"as_of is '{asOf}'; write a time as in 2017-06-01"),
            DeleteMissing = Flag(run, "delete_missing"),
            MaxDeletePercent = Number(run, "max_delete", 0, 100),
            MaxRejects = (int)Number(run, "max_rejects", 0, 10_000_000),
            MaxLoad = Number(run, "max_load", 0.01, 1),
            IsDryRun = run.IsDryRun,
        };
        return isActivity ? order.OfActivity() : order;
    }

    private static bool Flag(JobRun run, string name) => run.Parameter(name) switch
    {
        "true" => true,
        "false" or "" => false,
        var other => throw new JobFailedException($"{name} is '{other}'; write true or false"),
    };

    private static double Number(JobRun run, string name, double least, double most) =>
        double.TryParse(run.Parameter(name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new JobFailedException(string.Create(CultureInfo.InvariantCulture, $"{name} is '{run.Parameter(name)}'; write a number from {least} to {most}"));
}
