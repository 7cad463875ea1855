using System.Globalization;
using Npgsql;

namespace CacheService.Import;

/// <summary>Deletes the rows of the table that the file lacks.</summary>
internal sealed class MissingRowsDeleter(IImportSession session, ImportOrder order, TargetTable target, Batches batches, TimeProvider time, Action<string> tell)
{
    private const string Number = "import_number";

    private string Key => string.Join(", ", target.Key.Select(column => column.Quoted));

    /// <summary>Deletes them. A row that others refer to can go when those have gone, which the file may lack as well.</summary>
    public async Task RunAsync(Load load, NewerLoads newer, CancellationToken cancellationToken)
    {
        var list = $"{load.Stage}_missing";
        for (var (listed, rejected) = (0L, 1L); rejected > 0;)
        {
            var before = listed;
            listed = await ListAsync(load, newer, list, cancellationToken);
            if (listed == before)
            {
                break;
            }

            rejected = await DeleteAsync(load, list, listed, cancellationToken);
        }

        // Where somebody reads it, it goes with the stage.
        await session.TryRunAsync(c => c.ExecuteAsync($"{TransactionSettings.Sql}; drop table {list}", cancellationToken), cancellationToken);
    }

    // Anew, because an import that was in between may have brought some.
    private async Task<long> ListAsync(Load load, NewerLoads newer, string list, CancellationToken cancellationToken)
    {
        var missing = 0L;
        await session.RunPatientlyAsync(
            async c =>
            {
                await c.ExecuteAsync($"{TransactionSettings.Sql}; drop table if exists {list}", cancellationToken);
                await c.ExecuteAsync(
                    $"create unlogged table {list} as select row_number() over (order by {Key}) as {Number}, missing.* from {MissingRows.Of(target, load, newer)}",
                    cancellationToken);
                await c.ExecuteAsync($"create index on {list} ({Number}); analyze {list}", cancellationToken);
                missing = await c.ValueAsync<long>($"select count(*) from {list}", cancellationToken);
                // The limit is of all that this file deletes, however long ago it was begun.
                var deleted = await c.ValueAsync<long>("select deleted from twimport.load where loadid = $1", cancellationToken, load.Id);
                var all = deleted + await c.ValueAsync<long>($"select count(*) from {target.Name}", cancellationToken);
                if (deleted + missing > all * order.MaxDeletePercent / 100)
                {
                    throw new ImportException(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{missing} more rows of {target.Name} are not in the file, and {deleted} are deleted: that is more than {order.MaxDeletePercent} percent of {all}. "
                        + $"Rows have come since the file was begun; if they are to be deleted, allow more"));
                }
            },
            "the list of what the file lacks",
            time,
            cancellationToken);
        return missing;
    }

    private async Task<long> DeleteAsync(Load load, string list, long last, CancellationToken cancellationToken)
    {
        // Those of an earlier try are listed again.
        await session.RunAsync(c => c.ExecuteAsync("delete from twimport.reject where loadid = $1 and line is null", cancellationToken, load.Id), cancellationToken);
        return await batches.RunAsync(
            string.Create(CultureInfo.InvariantCulture, $"load {load.Id}, missing row"),
            0,
            last,
            order.MaxRejects,
            async (c, from, to) =>
            {
                await DeleteAsync(c, load, list, from, to, cancellationToken);
                tell(string.Create(CultureInfo.InvariantCulture, $"{to:N0} of {last:N0} rows that the file lacks deleted"));
            },
            (c, number, error) => c.ExecuteAsync(
                $"insert into twimport.reject (loadid, row, error) select $1, to_jsonb(m) - '{Number}', $3 from {list} m where {Number} = $2",
                cancellationToken,
                load.Id,
                number,
                $"it is not in the file, and cannot be deleted: {error}"),
            cancellationToken);
    }

    private async Task DeleteAsync(NpgsqlConnection c, Load load, string list, long from, long to, CancellationToken cancellationToken)
    {
        var (deleted, present) = (await c.QueryAsync(
            $"""
            with gone as (
                delete from {target.Name} t using {list} m
                 where m.{Number} > $2 and m.{Number} <= $3 and {MissingRows.Same("t", "m", target.Key)}
                returning to_jsonb(t) as before
            ), kept as (
                insert into twimport.change (loadid, before) select $1, before from gone
            )
            select (select count(*) from gone),
                   (select count(*) from {list} m join {target.Name} t on {MissingRows.Same("t", "m", target.Key)} where m.{Number} > $2 and m.{Number} <= $3)
            """,
            row => (row.GetInt64(0), row.GetInt64(1)),
            cancellationToken,
            load.Id,
            from,
            to))[0];
        if (deleted != present)
        {
            throw new RowLeftOutException("a trigger, a rule or row security of the table keeps it");
        }

        if (await c.ExecuteAsync(
            "update twimport.load set deleted = deleted + $2 where loadid = $1 and relid = to_regclass(table_name)", cancellationToken, load.Id, deleted) != 1)
        {
            throw new ImportException("the table was replaced by another one of the same name, or renamed: import the file again");
        }
    }
}
