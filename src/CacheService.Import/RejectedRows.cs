using Npgsql;

namespace CacheService.Import;

/// <summary>Rows that could not be taken, tried again.</summary>
internal static class RejectedRows
{
    /// <summary>
    /// Merges a rejected row, as it stands in <c>twimport.reject</c>: what it refers to may be there by now, or somebody has mended it there. All in the transaction of a connection.
    /// </summary>
    /// <returns>Whether it was there: false, where it was merged before.</returns>
    /// <exception cref="ImportException">It cannot be tried again.</exception>
    public static async Task<bool> RetryAsync(NpgsqlConnection connection, long loadId, long line, CancellationToken cancellationToken)
    {
        var session = new SameTransaction(connection);
        var loads = new LoadBook(session);
        if (await loads.FindAsync(loadId, cancellationToken) is not var (load, order, names))
        {
            throw new ImportException($"there is no load {loadId} any more");
        }

        var target = await TargetTable.FindAsync(connection, order.Table, order.Key, cancellationToken);
        var columns = new FileColumns(
            ',', null, [.. names.Select(name => target.Columns.FirstOrDefault(column => column.Name == name) ?? throw new ImportException($"{target.Name} has no column {name} any more"))]);
        if (!await loads.TryTakeTurnAsync(target, cancellationToken))
        {
            throw new ImportException($"an import into {target.Name} is under way: try again when it has ended");
        }

        if (load.State != Load.Done)
        {
            throw new ImportException($"load {loadId} has not come to its end: import the file again first, and it goes on where it was");
        }

        var newer = await loads.FindNewerAsync(target, load, order, columns, cancellationToken);
        if (newer.SupersedesAll)
        {
            throw new ImportException("a later file has deleted what it lacks, this row among it: ignore it, or import it with a later date");
        }

        await connection.ExecuteAsync($"{TransactionSettings.OfOneRowSql}; set local datestyle = 'ISO, {order.DateOrder}'", cancellationToken);
        var only = load with { Stage = $"{load.Stage}_retry", IsOrdered = false };
        if (!await StageAsync(connection, load, only, columns, target, line, cancellationToken))
        {
            return false;
        }

        await new Merger(order, columns, target).MergeLineAsync(connection, only, newer, line, cancellationToken);
        await KeepAsync(connection, loads, load, only, columns, cancellationToken);
        await connection.ExecuteAsync("delete from twimport.reject where loadid = $1 and line = $2", cancellationToken, loadId, line);
        await connection.ExecuteAsync("update twimport.load set rejected = rejected - 1 where loadid = $1", cancellationToken, loadId);
        await connection.ExecuteAsync($"drop table {only.Stage}", cancellationToken);
        return true;
    }

    // A text is read as the file's own is. Whoever mends a row may write numbers, lists and what is nested as JSON has them.
    private static async Task<bool> StageAsync(
        NpgsqlConnection connection, Load load, Load only, FileColumns columns, TargetTable target, long line, CancellationToken cancellationToken)
    {
        var found = await connection.QueryAsync(
            "select row ? '' from twimport.reject where loadid = $1 and line = $2", row => row.GetBoolean(0), cancellationToken, load.Id, line);
        if (found is [])
        {
            return false;
        }

        if (found is [true])
        {
            throw new ImportException($"line {line} could not be taken apart: mend it in the file of rejected rows, and import that");
        }

        var values = columns.Columns.Select(column =>
        {
            var name = $"'{column.Name.Replace("'", "''", StringComparison.Ordinal)}'";
            return $"case when jsonb_typeof(r.row -> {name}) = 'string' then (r.row ->> {name})::{column.Type} else p.{column.Quoted} end";
        });
        // What is a text is left out of what PostgreSQL takes apart, because it would take a text for a JSON value that is a text.
        await connection.ExecuteAsync(
            $"create unlogged table {only.Stage} as select 0::bigint as {Stager.Line}, {Names(columns)} from {target.Name} with no data", cancellationToken);
        await connection.ExecuteAsync(
            $"""
            insert into {only.Stage} ({Stager.Line}, {Names(columns)})
            select r.line, {string.Join(", ", values)}
              from twimport.reject r
             cross join jsonb_populate_record(
                 null::{only.Stage},
                 (select coalesce(jsonb_object_agg(e.key, e.value), '{"{}"}') from jsonb_each(r.row) as e where jsonb_typeof(e.value) <> 'string')) as p
             where r.loadid = $1 and r.line = $2
            """,
            cancellationToken,
            load.Id,
            line);
        return true;
    }

    // The file has the row from now on: an older one's does not come over it.
    private static async Task KeepAsync(NpgsqlConnection connection, LoadBook loads, Load load, Load only, FileColumns columns, CancellationToken cancellationToken)
    {
        if (load.IsStaged && await loads.HasRowsAsync(load, cancellationToken))
        {
            await connection.ExecuteAsync(
                $"insert into {load.Stage} ({Stager.Line}, {Names(columns)}) select {Stager.Line}, {Names(columns)} from {only.Stage}", cancellationToken);
        }
    }

    private static string Names(FileColumns columns) => string.Join(", ", columns.Columns.Select(column => column.Quoted));

    /// <summary>What would be a transaction of its own is part of one that is under way.</summary>
    private sealed class SameTransaction(NpgsqlConnection connection) : IImportSession
    {
        public int EndRoundTrips => 0;

        public Task RunAsync(Func<NpgsqlConnection, Task> work, CancellationToken cancellationToken, string? place = null) => work(connection);
    }
}
