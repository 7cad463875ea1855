using System.Globalization;
using Npgsql;

namespace CacheService.Import;

/// <summary>Merges what is staged into the table: only rows that differ are locked and written, and each batch is one transaction with what it says of itself.</summary>
internal sealed class Merger(ImportOrder order, FileColumns columns, TargetTable target)
{
    // Somebody else has inserted a row of the batch meanwhile: the next time it is seen, and updated.
    private const int Attempts = 4;

    private string[] Key => [.. target.Quote(order.Key)];

    private string Names => string.Join(", ", columns.Columns.Select(column => column.Quoted));

    /// <summary>Goes on from where the load is.</summary>
    public Task RunAsync(Load load, NewerLoads newer, Batches batches, Action<string> tell, CancellationToken cancellationToken)
    {
        var statement = order.Key.Count == 0 ? AppendSql(load) : MergeSql(load, newer);
        return batches.RunAsync(
            load.Place,
            load.LastLine,
            async (c, from, to) =>
            {
                await MergeAsync(c, load, statement, from, to, cancellationToken);
                tell(string.Create(CultureInfo.InvariantCulture, $"line {to:N0} of {load.LastLine:N0} merged"));
            },
            async (c, line, error) =>
            {
                await c.ExecuteAsync(
                    $"""
                    with rejected as (delete from {load.Stage} s where {Stager.Line} = $2 returning s.*)
                    insert into twimport.reject (loadid, line, row, error) select $1, $2, to_jsonb(rejected) - '{Stager.Line}', $3 from rejected
                    """,
                    cancellationToken,
                    load.Id,
                    line,
                    error);
                await c.ExecuteAsync("update twimport.load set place = $2 where loadid = $1", cancellationToken, load.Id, line);
            },
            cancellationToken);
    }

    /// <summary>Merges one row that was rejected, as it stands in the stage.</summary>
    public Task MergeLineAsync(NpgsqlConnection c, Load load, NewerLoads newer, long line, CancellationToken cancellationToken) =>
        MergeAsync(c, load, order.Key.Count == 0 ? AppendSql(load) : MergeSql(load, newer), line - 1, line, cancellationToken);

    /// <summary>What a merge would do.</summary>
    public async Task<ImportSummary> PredictAsync(NpgsqlConnection c, Load load, NewerLoads newer, ImportSummary summary, CancellationToken cancellationToken)
    {
        var staged = await c.ValueAsync<long>($"select count(*) from {load.Stage}", cancellationToken);
        if (order.Key.Count == 0 || newer.SupersedesAll)
        {
            return newer.SupersedesAll ? summary with { Superseded = staged } : summary with { Inserted = staged };
        }

        var (free, inserted, updated) = (await c.QueryAsync(
            $"select count(*), count(*) filter (where t.{Key[0]} is null), count(*) filter (where t.{Key[0]} is not null and {Differs("t", "b")}) from {load.Stage} b left join {target.Name} t on {MissingRows.Same("t", "b", Key)} where true{NotNewer(newer)}",
            row => (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)),
            cancellationToken))[0];
        return summary with { Superseded = staged - free, Inserted = inserted, Updated = updated, Same = free - inserted - updated };
    }

    private static async Task MergeAsync(NpgsqlConnection c, Load load, string statement, long from, long to, CancellationToken cancellationToken)
    {
        var (staged, free, updated, inserted) = (0L, 0L, 0L, 0L);
        for (var attempt = 1; ; attempt++)
        {
            var counts = (await c.QueryAsync(
                statement, row => (Staged: row.GetInt64(0), Free: row.GetInt64(1), Updated: row.GetInt64(2), Absent: row.GetInt64(3), Inserted: row.GetInt64(4)), cancellationToken, load.Id, from, to))[0];
            (staged, free, updated, inserted) = (counts.Staged, counts.Free, updated + counts.Updated, inserted + counts.Inserted);
            if (counts.Inserted == counts.Absent)
            {
                break;
            }

            if (attempt == Attempts)
            {
                throw new RowLeftOutException();
            }
        }

        // The name may be another table's by now: whatever was done to that is undone.
        if (await c.ExecuteAsync(
            """
            update twimport.load
               set place = greatest(place, $2), same = same + $3 - $4 - $5, updated = updated + $4, inserted = inserted + $5, superseded = superseded + $6
             where loadid = $1 and relid = to_regclass(table_name)
            """,
            cancellationToken,
            load.Id,
            to,
            free,
            updated,
            inserted,
            staged - free) != 1)
        {
            throw new ImportException("the table was replaced by another one of the same name, or renamed, while the file was merged: what is merged is in the earlier one; import the file again");
        }
    }

    private string AppendSql(Load load) =>
        $"""
        with added as (
            insert into {target.Name} ({Names}) overriding system value
            select {Names} from {load.Stage} where {Stager.Line} > $2 and {Stager.Line} <= $3 and $1::bigint is not null order by {Stager.Line}
            returning 1
        )
        select n, n, 0::bigint, n, (select count(*) from added) from (select count(*) as n from {load.Stage} where {Stager.Line} > $2 and {Stager.Line} <= $3) as staged
        """;

    // The rows that differ are locked in the order of their keys, each as it is then, and what they were is taken from there.
    private string MergeSql(Load load, NewerLoads newer) =>
        $"""
        with staged as materialized (
            select * from {load.Stage} where {Stager.Line} > $2 and {Stager.Line} <= $3
        ), paired as materialized (
            select b.*, t.{Key[0]} is null as import_absent, {Differs("t", "b")} as import_differs
              from staged b
              left join {target.Name} t on {MissingRows.Same("t", "b", Key)}
             where true{NotNewer(newer)}
        ), old as materialized (
            select p.*, to_jsonb(t) as import_before
              from paired p
              join {target.Name} t on {MissingRows.Same("t", "p", Key)}
             where p.import_differs and not p.import_absent and {Differs("t", "p")}
             order by {string.Join(", ", Key.Select(column => $"p.{column}"))}
               for update of t
        ), changed as (
            {(ValueColumns.Count == 0 ? "select null::bigint, null::jsonb, null::jsonb where false" : $"""
            update {target.Name} t set {string.Join(", ", ValueColumns.Select(column => $"{column.Quoted} = o.{column.Quoted}"))}
              from old o
             where {MissingRows.Same("t", "o", Key)}
            returning o.{Stager.Line}, o.import_before, to_jsonb(t)
            """)}
        ), added as (
            insert into {target.Name} as t ({Names}) overriding system value
            select {Names} from paired where import_absent order by {string.Join(", ", Key)}
                on conflict ({string.Join(", ", Key)}) do nothing
            returning null::bigint, null::jsonb, to_jsonb(t)
        ), kept as (
            insert into twimport.change (loadid, line, before, after) select $1, c.* from (select * from changed union all select * from added) as c
        )
        select (select count(*) from staged), count(*), (select count(*) from changed), count(*) filter (where import_absent), (select count(*) from added) from paired
        """;

    private IReadOnlyList<TargetColumn> ValueColumns => [.. columns.Columns.Where(column => !order.Key.Contains(column.Name))];

    // IS DISTINCT FROM, because <> is NULL, and so not true, where one side is.
    private string Differs(string one, string other) => ValueColumns.Count == 0 ? "false"
        : $"row({string.Join(", ", ValueColumns.Select(column => $"{one}.{column.Quoted}{column.Comparing}"))}) is distinct from row({string.Join(", ", ValueColumns.Select(column => $"{other}.{column.Quoted}{column.Comparing}"))})";

    private string NotNewer(NewerLoads newer) => string.Concat(newer.Loads.Select(other => $" and not {MissingRows.Has(other, "b", Key)}"));
}
