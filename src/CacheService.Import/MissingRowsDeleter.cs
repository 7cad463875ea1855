using System.Globalization;
using Npgsql;

namespace CacheService.Import;

/// <summary>Deletes the rows of the table that the file lacks.</summary>
internal sealed class MissingRowsDeleter(IImportSession session, ImportOrder order, TargetTable target, Batches batches, Action<string> tell)
{
    private const string Number = "import_number";

    /// <summary>Finds out anew which those are, because an import that was in between may have brought some, and deletes them.</summary>
    public async Task RunAsync(Load load, NewerLoads newer, CancellationToken cancellationToken)
    {
        var key = target.Quote(order.Key).ToList();
        var list = $"{load.Stage}_missing";
        var last = await session.AskAsync(
            async c =>
            {
                await c.ExecuteAsync($"{TransactionSettings.Sql}; drop table if exists {list}", cancellationToken);
                await c.ExecuteAsync(
                    $"create unlogged table {list} as select row_number() over (order by {string.Join(", ", key)}) as {Number}, missing.* from {MissingRows.Of(target, key, load, newer)}", cancellationToken);
                await c.ExecuteAsync($"create index on {list} ({Number}); analyze {list}", cancellationToken);
                var missing = await c.ValueAsync<long>($"select count(*) from {list}", cancellationToken);
                // The limit is of all that this file deletes, however long ago it was begun.
                var deleted = await c.ValueAsync<long>("select deleted from twimport.load where loadid = $1", cancellationToken, load.Id);
                var all = deleted + await c.ValueAsync<long>($"select count(*) from {target.Name}", cancellationToken);
                return deleted + missing <= all * order.MaxDeletePercent / 100 ? missing : throw new ImportException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{missing} more rows of {target.Name} are not in the file, and {deleted} are deleted: that is more than {order.MaxDeletePercent} percent of {all}. Rows have come since the file was begun; if they are to be deleted, allow more"));
            },
            cancellationToken);
        await batches.RunAsync(
            0,
            last,
            async (c, from, to) =>
            {
                await DeleteAsync(c, load, list, key, from, to, cancellationToken);
                tell(string.Create(CultureInfo.InvariantCulture, $"{to:N0} of {last:N0} rows that the file lacks deleted"));
            },
            (c, number, error) => c.ExecuteAsync(
                $"insert into twimport.reject (loadid, row, error) select $1, to_jsonb(m) - '{Number}', $3 from {list} m where {Number} = $2", cancellationToken, load.Id, number, $"it is not in the file, and cannot be deleted: {error}"),
            cancellationToken);
        await session.RunAsync(c => c.ExecuteAsync($"drop table {list}", cancellationToken), cancellationToken);
    }

    private async Task DeleteAsync(NpgsqlConnection c, Load load, string list, IReadOnlyList<string> key, long from, long to, CancellationToken cancellationToken)
    {
        var deleted = await c.ValueAsync<long>(
            $"""
            with gone as (
                delete from {target.Name} t using {list} m
                 where m.{Number} > $2 and m.{Number} <= $3 and {MissingRows.Same("t", "m", key)}
                returning to_jsonb(t) as before
            ), kept as (
                insert into twimport.change (loadid, before) select $1, before from gone
            )
            select count(*) from gone
            """,
            cancellationToken,
            load.Id,
            from,
            to);
        if (await c.ExecuteAsync("update twimport.load set deleted = deleted + $2 where loadid = $1 and relid = to_regclass(table_name)", cancellationToken, load.Id, deleted) != 1)
        {
            throw new ImportException("the table was replaced by another one of the same name, or renamed: import the file again");
        }
    }
}
