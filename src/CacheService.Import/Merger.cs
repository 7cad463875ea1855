using System.Globalization;
using Npgsql;

namespace CacheService.Import;

/// <summary>Merges what is staged into the table: only rows that differ are locked and written, and each batch is one transaction with what it says of itself.</summary>
internal sealed class Merger(ImportOrder order, FileColumns columns, TargetTable target)
{
    // What one statement saw, the next one may find otherwise, because others write too.
    private const int Attempts = 4;

    private string Key => string.Join(", ", target.Key.Select(column => column.Quoted));

    private string Names => string.Join(", ", columns.Columns.Select(column => column.Quoted));

    /// <summary>Goes on from where the load is.</summary>
    /// <param name="load">The load.</param>
    /// <param name="newer">Those whose rows stay as they are.</param>
    /// <param name="rejected">How many rows of the file are rejected already.</param>
    /// <param name="batches">Does it.</param>
    /// <param name="tell">Is told how far it has got.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task RunAsync(Load load, NewerLoads newer, long rejected, Batches batches, Action<string> tell, CancellationToken cancellationToken)
    {
        var statement = SqlOf(load, newer);
        var what = load.IsOrdered ? "row" : "line";
        return batches.RunAsync(
            string.Create(CultureInfo.InvariantCulture, $"load {load.Id}, {what}"),
            load.Place,
            load.LastLine,
            order.MaxRejects - rejected,
            async (c, from, to) =>
            {
                await MergeAsync(c, load, statement, from, to, place: to, cancellationToken);
                tell(string.Create(CultureInfo.InvariantCulture, $"{what} {to:N0} of {load.LastLine:N0} merged"));
            },
            async (c, number, error) =>
            {
                await c.ExecuteAsync(
                    $"""
                    with rejected as (delete from {load.Stage} s where {load.Number} = $2 returning s.*)
                    insert into twimport.reject (loadid, line, row, error) select $1, {Stager.Line}, {columns.TextsOf("rejected")}, $3 from rejected
                    """,
                    cancellationToken,
                    load.Id,
                    number,
                    error);
                await c.ExecuteAsync("update twimport.load set place = $2 where loadid = $1", cancellationToken, load.Id, number);
            },
            cancellationToken);
    }

    /// <summary>Merges one row that was rejected, as it stands in a stage of its own. The load's place stays.</summary>
    public Task MergeLineAsync(NpgsqlConnection c, Load load, NewerLoads newer, long line, CancellationToken cancellationToken) =>
        MergeAsync(c, load, SqlOf(load, newer), line - 1, line, place: 0, cancellationToken);

    /// <summary>What a merge would do.</summary>
    public async Task<ImportSummary> PredictAsync(NpgsqlConnection c, Load load, NewerLoads newer, ImportSummary summary, CancellationToken cancellationToken)
    {
        var staged = await c.ValueAsync<long>($"select count(*) from {load.Stage}", cancellationToken);
        if (target.Key.Count == 0 || newer.SupersedesAll)
        {
            return newer.SupersedesAll ? summary with { Superseded = staged } : summary with { Inserted = staged };
        }

        var isNew = $"t.{target.Key[0].Quoted} is null";
        var (free, inserted, updated) = (await c.QueryAsync(
            $"""
            select count(*), count(*) filter (where {isNew}), count(*) filter (where not {isNew} and {Differs("t", "b")})
              from {load.Stage} b
              left join {target.Name} t on {MissingRows.Same("t", "b", target.Key)}
             where true{NotNewer(newer)}
            """,
            row => (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)),
            cancellationToken))[0];
        return summary with { Superseded = staged - free, Inserted = inserted, Updated = updated, Same = free - inserted - updated };
    }

    private async Task MergeAsync(NpgsqlConnection c, Load load, string statement, long from, long to, long place, CancellationToken cancellationToken)
    {
        // Of one row nothing is done where not all is. Of several some are: their halves are tried in transactions of their own.
        for (var attempt = to - from == 1 ? 1 : Attempts; ; attempt++)
        {
            var counts = await RunAsync(c, load, statement, from, to, cancellationToken);
            if (counts.Inserted == counts.Absent && counts.Updated == counts.Differing)
            {
                await KeepAsync(c, load, place, counts.Free, counts.Updated, counts.Inserted, counts.Staged - counts.Free, cancellationToken);
                return;
            }

            if (attempt == Attempts)
            {
                throw new RowLeftOutException(counts.Inserted < counts.Absent
                    ? "a trigger, a rule or row security of the table does not let it in"
                    : "a trigger, a rule or row security of the table leaves the row as it was");
            }
        }
    }

    private async Task<Counts> RunAsync(NpgsqlConnection c, Load load, string statement, long from, long to, CancellationToken cancellationToken)
    {
        try
        {
            return (await c.QueryPreparedAsync(
                statement,
                row => new Counts(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5)),
                cancellationToken,
                load.Id,
                from,
                to))[0];
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege && target.HidesRows)
        {
            // Row security says so of single rows.
            throw new RowLeftOutException(e.MessageText, e);
        }
    }

    private static async Task KeepAsync(
        NpgsqlConnection c, Load load, long place, long free, long updated, long inserted, long superseded, CancellationToken cancellationToken)
    {
        // The name may be another table's by now: whatever was done to that is undone.
        if (await c.ExecuteAsync(
            """
            update twimport.load
               set place = greatest(place, $2), same = same + $3 - $4 - $5, updated = updated + $4, inserted = inserted + $5, superseded = superseded + $6
             where loadid = $1 and relid = to_regclass(table_name)
            """,
            cancellationToken,
            load.Id,
            place,
            free,
            updated,
            inserted,
            superseded) != 1)
        {
            throw new ImportException(
                "the table was replaced by another one of the same name, or renamed, while the file was merged: what is merged is in the earlier one; import the file again");
        }
    }

    private string SqlOf(Load load, NewerLoads newer) => target.Key.Count == 0 ? AppendSql(load) : MergeSql(load, newer);

    private string AppendSql(Load load) =>
        $"""
        with added as (
            insert into {target.Name} as t ({Names}) overriding system value
            select {Names} from {load.Stage} where {load.Number} > $2 and {load.Number} <= $3 order by {load.Number}
            returning to_jsonb(t) as after
        ), kept as (
            insert into twimport.change (loadid, after) select $1, after from added
        )
        select n, n, 0::bigint, 0::bigint, n, (select count(*) from added) from (select count(*) as n from {load.Stage} where {load.Number} > $2 and {load.Number} <= $3) as staged
        """;

    // The rows that differ are locked in the order of their keys, each as it is then, and what they were is taken from there.
    private string MergeSql(Load load, NewerLoads newer) =>
        $"""
        with staged as materialized (
            select * from {load.Stage} where {load.Number} > $2 and {load.Number} <= $3
        ), paired as materialized (
            select b.*, t.{target.Key[0].Quoted} is null as import_absent, {Differs("t", "b")} as import_differs
              from staged b
              left join {target.Name} t on {MissingRows.Same("t", "b", target.Key)}
             where true{NotNewer(newer)}
        ), old as materialized (
            select p.*, to_jsonb(t) as import_before
              from paired p
              join {target.Name} t on {MissingRows.Same("t", "p", target.Key)}
             where p.import_differs and not p.import_absent and {Differs("t", "p")}
             order by {string.Join(", ", target.Key.Select(column => $"p.{column.Quoted}"))}
               for update of t
        ), changed as (
            {(ValueColumns.Count == 0 ? "select null::bigint, null::jsonb, null::jsonb where false" : $"""
            update {target.Name} t set {string.Join(", ", ValueColumns.Select(column => $"{column.Quoted} = o.{column.Quoted}"))}
              from old o
             where {MissingRows.Same("t", "o", target.Key)}
            returning o.{Stager.Line}, o.import_before, to_jsonb(t)
            """)}
        ), added as (
            insert into {target.Name} as t ({Names}) overriding system value
            select {Names} from paired where import_absent order by {Key}
                on conflict ({Key}) do nothing
            returning null::bigint, null::jsonb, to_jsonb(t)
        ), kept as (
            insert into twimport.change (loadid, line, before, after) select $1, c.* from (select * from changed union all select * from added) as c
        )
        select (select count(*) from staged), count(*),
               count(*) filter (where import_differs and not import_absent), (select count(*) from changed),
               count(*) filter (where import_absent), (select count(*) from added)
          from paired
        """;

    private IReadOnlyList<TargetColumn> ValueColumns => [.. columns.Columns.Where(column => !order.Key.Contains(column.Name))];

    // IS DISTINCT FROM, because <> is NULL, and so not true, where one side is.
    private string Differs(string one, string other)
    {
        string RowOf(string alias) => $"row({string.Join(", ", ValueColumns.Select(column => $"{alias}.{column.Quoted}{column.Comparing}"))})";
        return ValueColumns.Count == 0 ? "false" : $"{RowOf(one)} is distinct from {RowOf(other)}";
    }

    private string NotNewer(NewerLoads newer) => string.Concat(newer.Loads.Select(other => $" and not {MissingRows.Has(other, "b", target.Key)}"));

    /// <summary>What a batch has found, and done.</summary>
    /// <param name="Staged">Rows of the file.</param>
    /// <param name="Free">Those that no file of a later date has.</param>
    /// <param name="Differing">Rows of the table that differ from them.</param>
    /// <param name="Updated">Those that were updated.</param>
    /// <param name="Absent">Rows that the table has not.</param>
    /// <param name="Inserted">Those that were inserted.</param>
    private readonly record struct Counts(long Staged, long Free, long Differing, long Updated, long Absent, long Inserted);
}
