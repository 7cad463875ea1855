using System.Globalization;

namespace CacheService.Import;

/// <summary>
/// Merges a file into a table beside others who work with it. One import into a table is under way at a time; what was stopped or killed goes on where it was when the same file is imported again.
/// </summary>
/// <param name="session">Where it works.</param>
/// <param name="order">What it is to do.</param>
/// <param name="askService">Has the service answer a read that includes everything committed before; null: there is no service.</param>
/// <param name="time">The clock.</param>
/// <param name="tell">Is told how far it has got, often.</param>
/// <param name="report">Is told what came of it, in the transaction that ends it: if that fails, or is killed, the same is told once more the next time.</param>
internal sealed class Importer(
    IImportSession session, ImportOrder order, Func<CancellationToken, Task>? askService, TimeProvider time, Action<string> tell, Func<ImportSummary, Task> report)
{
    private readonly LoadBook _loads = new(session);

    /// <summary>Does all of it.</summary>
    /// <exception cref="ImportException">The file or the table is of no use, or it has to wait for too long.</exception>
    public async Task<ImportSummary> RunAsync(CancellationToken cancellationToken)
    {
        var file = await CsvFile.OpenAsync(order, cancellationToken);
        await _loads.EnsureAsync(cancellationToken);
        var target = await session.AskAsync(c => TargetTable.FindAsync(c, order.Table, order.Key, cancellationToken), cancellationToken);
        var columns = FileColumns.Find(order, file, target);
        await _loads.TakeTurnAsync(target, tell, time, cancellationToken);
        try
        {
            return await RunAsync(file, target, columns, cancellationToken);
        }
        finally
        {
            await EndTurnAsync(target);
        }
    }

    private async Task<ImportSummary> RunAsync(CsvFile file, TargetTable target, FileColumns columns, CancellationToken cancellationToken)
    {
        if (order.Key.Count == 0 && await _loads.FindDoneAsync(target, file, cancellationToken) is { } done)
        {
            return await ReportAsync(async c => await LoadBook.SummarizeAsync(c, done, cancellationToken) with { WasLoaded = true }, cancellationToken);
        }

        var unfinished = order.IsDryRun ? null : await _loads.FindUnfinishedAsync(target, order, columns, file, cancellationToken);
        var load = unfinished ?? await _loads.BeginAsync(target, order, columns, file, cancellationToken);
        NewerLoads newer;
        var note = "";
        try
        {
            if (load.State == Load.Staging || !load.IsStaged || !await _loads.HasRowsAsync(load, cancellationToken))
            {
                load = await StageAsync(load, file, target, columns, cancellationToken);
            }

            newer = await _loads.FindNewerAsync(target, load, order, columns, cancellationToken);
            if (load.State == Load.Staging)
            {
                await new StageChecks(session, order, columns, target, time).RequireNeededAsync(load, newer, cancellationToken);
            }

            note = await CheckDeletionAsync(target, columns, load, newer, cancellationToken);
            if (order.IsDryRun)
            {
                return await PredictAsync(target, columns, load, newer, note, cancellationToken);
            }
        }
        catch (Exception e) when (e is ImportException && load.State == Load.Staging)
        {
            await _loads.DropAsync(await _loads.SetStateAsync(load, "refused", CancellationToken.None), CancellationToken.None);
            throw;
        }

        await using var pace = new Pace(order.MaxLoad, askService, time);
        pace.Start();
        var batches = new Batches(session, pace, time);
        void Tell(string what) => tell(pace.Reason is { } reason ? $"{what}; {reason}" : what);
        if (load.State != Load.Deleting)
        {
            load = await _loads.SetStateAsync(load, Load.Merging, cancellationToken);
            await (newer.SupersedesAll
                ? _loads.SupersedeAsync(load, cancellationToken)
                : new Merger(order, columns, target).RunAsync(load, newer, await _loads.CountRejectsAsync(load, cancellationToken), batches, Tell, cancellationToken));
        }

        note = order.DeleteMissing ? await DescribeRejectsAsync(load, cancellationToken) : note;
        if (order.DeleteMissing && note.Length == 0 && !newer.SupersedesAll)
        {
            load = await _loads.SetStateAsync(load, Load.Deleting, cancellationToken);
            await new MissingRowsDeleter(session, order, target, batches, time, Tell).RunAsync(load, newer, cancellationToken);
        }

        var summary = await ReportAsync(
            async c => await LoadBook.EndAsync(c, load, deletesNothing: note.Length > 0, cancellationToken) with { IsResumed = unfinished is not null, Note = note }, cancellationToken);
        await _loads.ForgetAsync(target, cancellationToken);
        return summary;
    }

    private async Task<Load> StageAsync(Load begun, CsvFile file, TargetTable target, FileColumns columns, CancellationToken cancellationToken)
    {
        await using var pace = new Pace(order.MaxLoad, askService, time);
        pace.Start();
        var stager = new Stager(session, order, file, columns, target, pace, time, tell);
        var load = await stager.StageAsync(begun, cancellationToken);
        load = await new StageChecks(session, order, columns, target, time).RunAsync(load, begun, stager.HasDuplicates, cancellationToken);
        return await _loads.SetStagedAsync(load, cancellationToken);
    }

    private Task<ImportSummary> ReportAsync(Func<Npgsql.NpgsqlConnection, Task<ImportSummary>> summarize, CancellationToken cancellationToken) => session.AskAsync(
        async c =>
        {
            var summary = await summarize(c);
            await report(summary);
            return summary;
        },
        cancellationToken);

    /// <returns>Why nothing is deleted, where something was to be; empty: it is, or nothing was to be.</returns>
    private async Task<string> CheckDeletionAsync(TargetTable target, FileColumns columns, Load load, NewerLoads newer, CancellationToken cancellationToken)
    {
        if (!order.DeleteMissing || newer.SupersedesAll || load.State == Load.Deleting)
        {
            return "";
        }

        if (await DescribeRejectsAsync(load, cancellationToken) is { Length: > 0 } rejects)
        {
            return rejects;
        }

        var missing = await new StageChecks(session, order, columns, target, time).CountMissingAsync(load, newer, cancellationToken);
        var all = await session.AskAsync(c => c.ValueAsync<long>($"select count(*) from {target.Name}", cancellationToken), cancellationToken);
        return missing <= all * order.MaxDeletePercent / 100 ? ""
            : throw new ImportException(string.Create(
                CultureInfo.InvariantCulture,
                $"{missing} of the {all} rows of {target.Name} are not in the file, more than {order.MaxDeletePercent} percent: is it the whole file? "
                + $"{(load.State == Load.Staging ? "Nothing was changed" : "Nothing was deleted")}; if they are to be deleted, allow more"));
    }

    // What is rejected is not staged any more, and would be taken for missing.
    private async Task<string> DescribeRejectsAsync(Load load, CancellationToken cancellationToken) => await _loads.CountRejectsAsync(load, cancellationToken) is var rejects and > 0
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"nothing was deleted, because {rejects} rows of the file were rejected and their keys may not be known: mend the file, and import it again")
        : "";

    private async Task<ImportSummary> PredictAsync(
        TargetTable target, FileColumns columns, Load load, NewerLoads newer, string note, CancellationToken cancellationToken)
    {
        var deletes = order.DeleteMissing && note.Length == 0 && !newer.SupersedesAll;
        var deleted = deletes ? await new StageChecks(session, order, columns, target, time).CountMissingAsync(load, newer, cancellationToken) : 0;
        load = await _loads.SetStateAsync(load, "dry run", cancellationToken);
        var summary = await ReportAsync(
            async c => await new Merger(order, columns, target).PredictAsync(
                c, load, newer, await LoadBook.SummarizeAsync(c, load, cancellationToken) with { Deleted = deleted, Note = note }, cancellationToken),
            cancellationToken);
        await _loads.DropAsync(load, cancellationToken);
        return summary;
    }

    private async Task EndTurnAsync(TargetTable target)
    {
        try
        {
            await _loads.EndTurnAsync(target);
        }
        catch (Exception e) when (e is Npgsql.NpgsqlException or InvalidOperationException or OperationCanceledException)
        {
            // The session is gone, or is about to be, and the turn with it.
        }
    }
}
