using Npgsql;

namespace CacheService.Import;

/// <summary>Rows that could not be taken, tried again.</summary>
internal static class RejectedRows
{
    /// <summary>Merges a rejected row, as it stands in <c>twimport.reject</c>: what it refers to may be there by now, or somebody has mended it there. All in the transaction of a connection.</summary>
    /// <exception cref="ImportException">It cannot be tried again.</exception>
    public static async Task RetryAsync(NpgsqlConnection connection, long loadId, long line, CancellationToken cancellationToken)
    {
        var session = new SameTransaction(connection);
        var loads = new LoadBook(session);
        if (await loads.FindAsync(loadId, cancellationToken) is not var (load, order, names))
        {
            throw new ImportException($"there is no load {loadId} any more");
        }

        var target = await TargetTable.FindAsync(connection, order.Table, order.Key, cancellationToken);
        var columns = new FileColumns(',', null, [.. names.Select(name => target.Columns.FirstOrDefault(column => column.Name == name) ?? throw new ImportException($"{target.Name} has no column {name} any more"))]);
        if (!await loads.TryTakeTurnAsync(target, cancellationToken))
        {
            throw new ImportException($"an import into {target.Name} is under way: try again when it has ended");
        }

        var newer = await loads.FindNewerAsync(target, load, order, columns, cancellationToken);
        if (newer.SupersedesAll)
        {
            throw new ImportException("a later file has deleted what it lacks, this row among it: ignore it, or import it with a later date");
        }

        var stage = $"{load.Stage}_retry";
        await connection.ExecuteAsync($"{TransactionSettings.Sql}; set local datestyle = 'ISO, {order.DateOrder}'", cancellationToken);
        await connection.ExecuteAsync($"create unlogged table {stage} as select 0::bigint as {Stager.Line}, {string.Join(", ", columns.Columns.Select(column => column.Quoted))} from {target.Name} with no data", cancellationToken);
        var found = await connection.ExecuteAsync(
            $"insert into {stage} select (jsonb_populate_record(null::{stage}, row || jsonb_build_object('{Stager.Line}', line))).* from twimport.reject where loadid = $1 and line = $2 and not row ? ''", cancellationToken, loadId, line);
        if (found != 1)
        {
            throw new ImportException($"line {line} is not among the rejected rows any more, or could not be taken apart: mend it in the file of rejected rows, and import that");
        }

        await new Merger(order, columns, target).MergeLineAsync(connection, load with { Stage = stage }, newer, line, cancellationToken);
        await connection.ExecuteAsync("delete from twimport.reject where loadid = $1 and line = $2", cancellationToken, loadId, line);
        await connection.ExecuteAsync("update twimport.load set rejected = rejected - 1 where loadid = $1", cancellationToken, loadId);
        await connection.ExecuteAsync($"drop table {stage}", cancellationToken);
    }

    /// <summary>What would be a transaction of its own is part of one that is under way.</summary>
    private sealed class SameTransaction(NpgsqlConnection connection) : IImportSession
    {
        public Task RunAsync(Func<NpgsqlConnection, Task> work, CancellationToken cancellationToken) => work(connection);
    }
}
