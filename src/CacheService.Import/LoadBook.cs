using System.Globalization;
using Npgsql;

namespace CacheService.Import;

/// <summary>What is known of files that are, or were, imported: <c>twimport.load</c>. Whoever holds the table's turn is the only one who writes there for that table.</summary>
internal sealed class LoadBook(IImportSession session)
{
    /// <summary>Advisory locks of imports: the table's number, and 0 for what they keep.</summary>
    private const int LockClass = 1953;

    /// <summary>How many files are known of each table by their rows, so that one of an earlier date can still be merged after them.</summary>
    private const int KeptStages = 3;

    private const string Columns = "loadid, state, place, last_line, is_staged, as_of, is_ordered";

    // What is created, and what was added to it later: each by whether it is lacking. Not by to_regclass, which remembers that there was none.
    private static readonly (string Script, string IsLackingSql)[] Steps =
    [
        ("import.sql", IsLackingSql("change", "loadid")),
        ("import-tables-by-name.sql", IsLackingSql("load", "is_ordered")),
    ];

    private static readonly TimeSpan TurnPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Creates what is kept, in the schema <c>twimport</c>, where it is missing, and brings what an earlier version has created to this one's form.</summary>
    public async Task EnsureAsync(CancellationToken cancellationToken)
    {
        foreach (var (script, isLackingSql) in Steps)
        {
            try
            {
                await session.RunAsync(c => EnsureAsync(c, script, isLackingSql, cancellationToken), cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
            {
                throw new ImportException(
                    script == Steps[0].Script
                        ? $"this role may not create what imports keep ({e.MessageText}): as the database's owner run: create schema twimport authorization ROLE; "
                          + "or, where another role imports here already: grant all on schema twimport and on all tables in it"
                        : $"what imports keep here is of an earlier version, and this role may not change it ({e.MessageText}): "
                          + "import once as the role that owns the tables of the schema twimport, if only with --dry-run",
                    e);
            }
        }
    }

    private static async Task EnsureAsync(NpgsqlConnection c, string script, string isLackingSql, CancellationToken cancellationToken)
    {
        if (!await c.ValueAsync<bool>(isLackingSql, cancellationToken))
        {
            return;
        }

        await c.ExecuteAsync($"select pg_advisory_xact_lock({LockClass}, 0)", cancellationToken);
        if (await c.ValueAsync<bool>(isLackingSql, cancellationToken))
        {
            using var reader = new StreamReader(typeof(LoadBook).Assembly.GetManifestResourceStream(script)!);
            await c.ExecuteAsync(await reader.ReadToEndAsync(cancellationToken), cancellationToken);
        }
    }

    private static string IsLackingSql(string table, string column) =>
        $"""
        select not exists (select from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                            where n.nspname = 'twimport' and c.relname = '{table}' and a.attname = '{column}' and not a.attisdropped)
        """;

    /// <summary>Waits until nobody else imports into the table. The turn ends with <see cref="EndTurnAsync"/>, or with the session.</summary>
    public async Task TakeTurnAsync(TargetTable target, Action<string> tell, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var waited = false; ; await Task.Delay(TurnPause, time, cancellationToken))
        {
            if (await session.AskAsync(c => c.ValueAsync<bool>($"select pg_try_advisory_lock({LockClass}, $1::int)", cancellationToken, Signed(target.Id)), cancellationToken))
            {
                return;
            }

            if (!waited)
            {
                tell($"another import into {target.Name} is under way: waiting for its end");
                waited = true;
            }
        }
    }

    /// <summary>Takes the turn until the transaction ends, if nobody has it.</summary>
    public Task<bool> TryTakeTurnAsync(TargetTable target, CancellationToken cancellationToken) =>
        session.AskAsync(c => c.ValueAsync<bool>($"select pg_try_advisory_xact_lock({LockClass}, $1::int)", cancellationToken, Signed(target.Id)), cancellationToken);

    public Task EndTurnAsync(TargetTable target) =>
        session.RunAsync(c => c.ExecuteAsync($"select pg_advisory_unlock({LockClass}, $1::int)", CancellationToken.None, Signed(target.Id)), CancellationToken.None);

    /// <summary>The load of the same file, by the same key and with the same columns, that has not come to its end.</summary>
    public Task<Load?> FindUnfinishedAsync(TargetTable target, ImportOrder order, FileColumns columns, CsvFile file, CancellationToken cancellationToken) =>
        order.Key.Count == 0 ? FindUnfinishedActivityAsync(target, order, columns, file, cancellationToken) : FindUnfinishedByKeyAsync(target, order, columns, file, cancellationToken);

    /// <summary>The load of the same rows without a key, which must not be added twice, whatever is said of them now.</summary>
    /// <exception cref="ImportException">It was begun otherwise.</exception>
    private async Task<Load?> FindUnfinishedActivityAsync(TargetTable target, ImportOrder order, FileColumns columns, CsvFile file, CancellationToken cancellationToken)
    {
        var begun = await session.AskAsync(
            c => c.QueryAsync(
                $"""
                select {Columns}, columns = $3 and options = $4 from twimport.load
                 where relid = $1::bigint::oid and sha256 = $2 and cardinality(key) = 0 and state in ('staging', 'merging')
                 order by place desc, loadid limit 1
                """,
                row => (Load: Read(row), IsAlike: row.GetBoolean(7)),
                cancellationToken,
                target.Id,
                file.Sha256,
                columns.Names.ToArray(),
                order.ReadingOptions),
            cancellationToken);
        return begun switch
        {
            [] => null,
            [(var load, true)] => load,
            [(var load, _)] when load.Place == 0 => null,
            [(var load, _), ..] => throw new ImportException(string.Create(
                CultureInfo.InvariantCulture,
                $"this file was begun as load {load.Id}, with other columns or options, and is added up to line {load.Place}: import it with those, and it goes on from there. Nothing was changed")),
        };
    }

    private async Task<Load?> FindUnfinishedByKeyAsync(TargetTable target, ImportOrder order, FileColumns columns, CsvFile file, CancellationToken cancellationToken) =>
        (await session.AskAsync(
            c => c.QueryAsync(
                $"""
                select {Columns} from twimport.load
                 where relid = $1::bigint::oid and sha256 = $2 and key = $3 and columns = $4 and options = $5 and delete_missing = $6 and state in ('staging', 'merging', 'deleting')
                   and ($7::timestamptz is null or as_of = $7)
                 order by loadid desc limit 1
                """,
                Read,
                cancellationToken,
                target.Id,
                file.Sha256,
                order.Key.ToArray(),
                columns.Names.ToArray(),
                order.ReadingOptions,
                order.DeleteMissing,
                order.AsOf is { } asOf ? asOf.ToUniversalTime() : DBNull.Value),
            cancellationToken)).FirstOrDefault();

    /// <summary>The load that has added the rows of the same file before.</summary>
    public async Task<Load?> FindDoneAsync(TargetTable target, CsvFile file, CancellationToken cancellationToken) =>
        (await session.AskAsync(
            c => c.QueryAsync(
                $"select {Columns} from twimport.load where relid = $1::bigint::oid and sha256 = $2 and cardinality(key) = 0 and state = 'done' order by loadid limit 1",
                Read,
                cancellationToken,
                target.Id,
                file.Sha256),
            cancellationToken)).FirstOrDefault();

    /// <summary>A load by its number, with what it was ordered with; null: there is none.</summary>
    public async Task<(Load Load, ImportOrder Order, string[] Columns)?> FindAsync(long id, CancellationToken cancellationToken)
    {
        var found = await session.AskAsync(
            c => c.QueryAsync(
                $"select {Columns}, file, table_name, key, columns, options from twimport.load where loadid = $1",
                row => (
                    Read(row),
                    new ImportOrder
                    {
                        Path = "",
                        Name = row.GetString(7),
                        Table = row.GetString(8),
                        Key = row.GetFieldValue<string[]>(9),
                        DateOrder = ImportOrder.DateOrderOf(row.GetString(11)),
                    },
                    row.GetFieldValue<string[]>(10)),
                cancellationToken,
                id),
            cancellationToken);
        return found is [var only] ? only : null;
    }

    /// <summary>Enters a file, and takes away what was left of those that came to nothing.</summary>
    public async Task<Load> BeginAsync(TargetTable target, ImportOrder order, FileColumns columns, CsvFile file, CancellationToken cancellationToken)
    {
        const string LeftSql =
            $"""
            select {Columns} from twimport.load
             where relid = $1::bigint::oid and (state = 'staging' or state in ('refused', 'dry run') and to_regclass('twimport.stage_' || loadid) is not null)
            """;
        foreach (var left in await session.AskAsync(c => c.QueryAsync(LeftSql, Read, cancellationToken, target.Id), cancellationToken))
        {
            if (await DropAsync(left, cancellationToken))
            {
                await session.RunAsync(c => c.ExecuteAsync("delete from twimport.load where loadid = $1 and state = 'staging'", cancellationToken, left.Id), cancellationToken);
            }
        }

        return (await session.AskAsync(
            c => c.QueryAsync(
                $"""
                insert into twimport.load (relid, table_name, key, columns, file, sha256, options, as_of, delete_missing)
                values ($1::bigint::oid, $2, $3, $4, $5, $6, $7, $8, $9) returning {Columns}
                """,
                Read,
                cancellationToken,
                target.Id,
                target.Name,
                order.Key.ToArray(),
                columns.Names.ToArray(),
                order.Name,
                file.Sha256,
                order.ReadingOptions,
                (order.AsOf ?? file.WrittenAt).ToUniversalTime(),
                order.DeleteMissing),
            cancellationToken))[0];
    }

    /// <summary>Enters that all of a load's rows are staged, and looked at. Those that the table has refused are not among them.</summary>
    public Task<Load> SetStagedAsync(Load load, CancellationToken cancellationToken) => session.AskAsync(
        async c =>
        {
            await c.ExecuteAsync(
                $"delete from {load.Stage} s using twimport.reject r where r.loadid = $1 and r.line = s.{Stager.Line}", cancellationToken, load.Id);
            return (await c.QueryAsync($"update twimport.load set is_staged = true where loadid = $1 returning {Columns}", Read, cancellationToken, load.Id))[0];
        },
        cancellationToken);

    /// <summary>Enters how a load stands.</summary>
    public Task<Load> SetStateAsync(Load load, string state, CancellationToken cancellationToken) => session.AskAsync(c => SetStateAsync(c, load, state, cancellationToken), cancellationToken);

    /// <summary>Enters that a load is done, in the transaction of a connection.</summary>
    /// <param name="c">The connection.</param>
    /// <param name="load">The load.</param>
    /// <param name="deletesNothing">Whether it has deleted nothing though it was to: an older file's rows are no less there for it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What it has done.</returns>
    public static async Task<ImportSummary> EndAsync(NpgsqlConnection c, Load load, bool deletesNothing, CancellationToken cancellationToken)
    {
        await SetStateAsync(c, load, Load.Done, cancellationToken);
        await c.ExecuteAsync("update twimport.load set delete_missing = delete_missing and not $2 where loadid = $1", cancellationToken, load.Id, deletesNothing);
        return await SummarizeAsync(c, load, cancellationToken);
    }

    private static async Task<Load> SetStateAsync(NpgsqlConnection c, Load load, string state, CancellationToken cancellationToken) => (await c.QueryAsync(
        $"""
        update twimport.load
           set state = $2, rejected = (select count(*) from twimport.reject r where r.loadid = load.loadid),
               ended_at = case when $2 in ('done', 'refused', 'dry run') then clock_timestamp() end
         where loadid = $1
        returning {Columns}
        """,
        Read,
        cancellationToken,
        load.Id,
        state))[0];

    /// <summary>The loads of the same table that win over this one, because their files are of a later date.</summary>
    /// <exception cref="ImportException">What one of them had is not known any more, or it had other columns: nobody can say what this file may change.</exception>
    public async Task<NewerLoads> FindNewerAsync(TargetTable target, Load load, ImportOrder order, FileColumns columns, CancellationToken cancellationToken)
    {
        if (order.Key.Count == 0)
        {
            return new NewerLoads([], SupersedesAll: false);
        }

        var newer = await session.AskAsync(
            c => c.QueryAsync(
                $"""
                select {Columns}, file, key = $3 and columns @> $4, delete_missing from twimport.load
                 where relid = $1::bigint::oid and cardinality(key) > 0 and state in ('merging', 'deleting', 'done') and (as_of, loadid) > (select as_of, loadid from twimport.load where loadid = $2)
                 order by as_of, loadid
                """,
                row => (Load: Read(row), File: row.GetString(7), IsAlike: row.GetBoolean(8), DeletesMissing: row.GetBoolean(9)),
                cancellationToken,
                target.Id,
                load.Id,
                order.Key.ToArray(),
                columns.Names.ToArray()),
            cancellationToken);
        foreach (var (other, file, isAlike, _) in newer)
        {
            if (!isAlike || !other.IsStaged || !await HasRowsAsync(other, cancellationToken))
            {
                throw new ImportException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{file}, which is of a later date ({other.AsOf:u}) than this file ({load.AsOf:u}), has been merged into {target.Name} before, "
                    + $"and {(isAlike ? "which rows it had is not kept any more" : "had other columns or another key")}: if this one is to win, give it a later date. Nothing was changed"));
            }
        }

        return new NewerLoads([.. newer.Select(each => each.Load)], newer.Any(each => each is { DeletesMissing: true, Load.State: Load.Done }));
    }

    /// <summary>Whether the rows of a file are still there: after a crash of the server they are not.</summary>
    public Task<bool> HasRowsAsync(Load load, CancellationToken cancellationToken) => session.AskAsync(
        async c => await c.ValueAsync<bool>("select to_regclass($1) is not null", cancellationToken, load.Stage)
            && (load.LastLine == 0 || await c.ValueAsync<bool>($"select exists (select from {load.Stage})", cancellationToken)),
        cancellationToken);

    /// <summary>All of a load's rows stay as a later file has them.</summary>
    public Task SupersedeAsync(Load load, CancellationToken cancellationToken) => session.RunAsync(
        c => c.ExecuteAsync(
            $"update twimport.load set place = last_line, superseded = superseded + (select count(*) from {load.Stage} where {load.Number} > place) where loadid = $1",
            cancellationToken,
            load.Id),
        cancellationToken);

    /// <summary>Drops what is staged of a load, unless somebody reads it, such as a dump of the database, which may take for hours: then a later import does.</summary>
    /// <returns>Whether it is dropped.</returns>
    public Task<bool> DropAsync(Load load, CancellationToken cancellationToken) => session.TryRunAsync(
        async c =>
        {
            await c.ExecuteAsync($"{TransactionSettings.Sql}; drop table if exists {load.Stage}, {load.Stage}_missing", cancellationToken);
            await c.ExecuteAsync("update twimport.load set is_staged = false where loadid = $1", cancellationToken, load.Id);
        },
        cancellationToken);

    public Task<long> CountRejectsAsync(Load load, CancellationToken cancellationToken) =>
        session.AskAsync(c => c.ValueAsync<long>("select count(*) from twimport.reject where loadid = $1 and line is not null", cancellationToken, load.Id), cancellationToken);

    /// <summary>Drops the rows of files that nobody needs any more.</summary>
    public async Task ForgetAsync(TargetTable target, CancellationToken cancellationToken)
    {
        var old = await session.AskAsync(
            c => c.QueryAsync(
                $"""
                select {Columns} from twimport.load
                 where relid = $1::bigint::oid and (is_staged or state in ('merging', 'deleting'))
                   and (cardinality(key) = 0 and state = 'done'
                        or loadid not in (select loadid from twimport.load where relid = $1::bigint::oid and cardinality(key) > 0 and state = 'done'
                                           order by as_of desc, loadid desc limit {KeptStages})
                           and (state = 'done' or started_at < clock_timestamp() - interval '30 days'))
                """,
                Read,
                cancellationToken,
                target.Id),
            cancellationToken);
        foreach (var load in old)
        {
            await DropAsync(load, cancellationToken);
        }
    }

    /// <summary>What a load has done.</summary>
    public static async Task<ImportSummary> SummarizeAsync(NpgsqlConnection c, Load load, CancellationToken cancellationToken)
    {
        var rejects = await ReadRejectsAsync(c, load.Id, cancellationToken);
        return (await c.QueryAsync(
            "select loadid, table_name, as_of, read, same, updated, inserted, deleted, superseded, rejected, columns from twimport.load where loadid = $1",
            row => new ImportSummary
            {
                Load = row.GetInt64(0),
                Table = row.GetString(1),
                AsOf = row.GetFieldValue<DateTimeOffset>(2),
                Read = row.GetInt64(3),
                Same = row.GetInt64(4),
                Updated = row.GetInt64(5),
                Inserted = row.GetInt64(6),
                Deleted = row.GetInt64(7),
                Superseded = row.GetInt64(8),
                Rejected = row.GetInt64(9),
                Columns = row.GetFieldValue<string[]>(10),
                Rejects = rejects,
            },
            cancellationToken,
            load.Id))[0];
    }

    private static Task<List<RejectedRow>> ReadRejectsAsync(NpgsqlConnection c, long id, CancellationToken cancellationToken) => c.QueryAsync(
        "select line, error, row::text from twimport.reject where loadid = $1 order by line",
        row => new RejectedRow(row.IsDBNull(0) ? null : row.GetInt64(0), row.GetString(1), row.GetString(2)),
        cancellationToken,
        id);

    private static Load Read(NpgsqlDataReader row) =>
        new(row.GetInt64(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3), row.GetBoolean(4), row.GetFieldValue<DateTimeOffset>(5), row.GetBoolean(6));

    // Advisory locks have signed numbers.
    private static int Signed(long relationId) => unchecked((int)(uint)relationId);
}
