using Npgsql;

namespace CacheService.Import;

/// <summary>The table into which a file goes, as it was when the import began.</summary>
internal sealed class TargetTable
{
    private const string FindSql =
        """
        select c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relkind::text, row_security_active(c.oid)
          from pg_catalog.pg_class c
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.oid = pg_catalog.to_regclass($1)
        """;

    // Texts are compared byte by byte, because two that some collation takes for equal are not the same, nor are a month and 30 days; what has no equality of its own (json, point) as text.
    // A trigger that sees a row before it is inserted may give it any value.
    private const string ColumnsSql =
        """
        select a.attname::text, quote_ident(a.attname), format_type(a.atttypid, -1), a.attnotnull or t.typnotnull,
               (a.attnotnull or t.typnotnull) and not a.atthasdef and a.attidentity = '' and t.typdefault is null
               and not exists (select from pg_catalog.pg_trigger g
                                where not g.tgisinternal and g.tgenabled <> 'D' and g.tgtype & 7 = 7
                                  and (g.tgrelid = a.attrelid or g.tgrelid in (select p.relid from pg_catalog.pg_partition_tree(a.attrelid) as p))),
               a.attgenerated = '' and (a.attidentity <> 'a' or a.attname = any ($2)),
               case coalesce(e.typcategory, t.typcategory) when 'S' then case when e.oid is null then '::text collate "C"' else '::text' end
                    when 'U' then '::text' when 'G' then '::text' when 'C' then '::text' when 'X' then '::text' when 'T' then '::text' else '' end
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_type t on t.oid = a.atttypid
          left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
         where a.attrelid = $1::bigint::oid and a.attnum > 0 and not a.attisdropped
         order by a.attnum
        """;

    private const string KeySql =
        """
        select quote_ident(k.name), format('operator(%I.%s)', n.nspname, o.oprname)
          from (select * from pg_catalog.pg_index i
                 where i.indrelid = $1::bigint::oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null and i.indexprs is null
                   and (select array_agg(a.attname::text order by a.attname::text) from pg_catalog.pg_attribute a
                         where a.attrelid = i.indrelid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
                     = (select array_agg(k order by k) from unnest($2::text[]) as k)
                 order by i.indexrelid limit 1) as i
         cross join generate_series(0, i.indnkeyatts - 1) as p
          join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[p]
          join unnest($2::text[]) with ordinality as k (name, place) on k.name = a.attname
          join pg_catalog.pg_opclass c on c.oid = i.indclass[p]
          join pg_catalog.pg_amop m on m.amopfamily = c.opcfamily and m.amoplefttype = c.opcintype and m.amoprighttype = c.opcintype and m.amopstrategy = 3
          join pg_catalog.pg_operator o on o.oid = m.amopopr
          join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
         order by k.place
        """;

    private const string ChecksSql =
        """
        select pg_get_constraintdef(c.oid)
          from pg_catalog.pg_constraint c
         where c.conrelid = $1::bigint::oid and c.contype = 'c' and c.conkey is not null
           and (select bool_and(a.attname = any ($2)) from pg_catalog.pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
        """;

    // Not those to single partitions, which a reference to a partitioned table has besides.
    private const string ReferencesSql =
        """
        select c.confrelid::regclass::text,
               c.confrelid = c.conrelid and (select bool_and(a.attname = any ($2)) from pg_catalog.pg_attribute a where a.attrelid = c.confrelid and a.attnum = any (c.confkey)),
               (select array_agg(quote_ident(a.attname) order by k.n)
                  from unnest(c.conkey) with ordinality as k (attnum, n) join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum),
               (select array_agg(quote_ident(a.attname) order by k.n)
                  from unnest(c.confkey) with ordinality as k (attnum, n) join pg_catalog.pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum),
               (select array_agg(format('operator(%I.%s)', n.nspname, o.oprname) order by k.n)
                  from unnest(c.conpfeqop) with ordinality as k (op, n) join pg_catalog.pg_operator o on o.oid = k.op join pg_catalog.pg_namespace n on n.oid = o.oprnamespace)
          from pg_catalog.pg_constraint c
         where c.conrelid = $1::bigint::oid and c.contype = 'f' and c.confmatchtype = 's'
           and not exists (select from pg_catalog.pg_constraint p where p.oid = c.conparentid and p.conrelid = c.conrelid)
           and (select bool_and(a.attname = any ($2)) from pg_catalog.pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
        """;

    private static readonly string[] Reserved = ["information_schema", "twcache", "twimport", "twjobs"];

    private TargetTable(long id, string name, bool hidesRows, IReadOnlyList<TargetColumn> columns, IReadOnlyList<KeyColumn> key) =>
        (Id, Name, HidesRows, Columns, Key) = (id, name, hidesRows, columns, key);

    /// <summary>Its number in the database.</summary>
    public long Id { get; }

    /// <summary>Its name with its schema, quoted.</summary>
    public string Name { get; }

    /// <summary>Whether row security decides which rows this role may see and write.</summary>
    public bool HidesRows { get; }

    public IReadOnlyList<TargetColumn> Columns { get; }

    /// <summary>The columns by which its rows are found; none: rows are only added.</summary>
    public IReadOnlyList<KeyColumn> Key { get; }

    /// <summary>Looks at a table.</summary>
    /// <exception cref="ImportException">Nothing can be imported into it by this key.</exception>
    public static async Task<TargetTable> FindAsync(NpgsqlConnection connection, string table, IReadOnlyList<string> key, CancellationToken cancellationToken)
    {
        List<(long Id, string Name, string Kind, bool HidesRows)> found;
        try
        {
            found = await connection.QueryAsync(FindSql, row => (row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetBoolean(3)), cancellationToken, table);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidName or PostgresErrorCodes.SyntaxError or PostgresErrorCodes.FeatureNotSupported)
        {
            throw new ImportException($"'{table}' is no name of a table; write it with its schema, such as public.artist", e);
        }

        if (found is not [var (id, name, kind, hidesRows)])
        {
            throw new ImportException($"there is no table {table}; write it with its schema, such as public.{table}");
        }

        if (name.StartsWith("pg_", StringComparison.Ordinal) || Reserved.Any(schema => name.StartsWith($"{schema}.", StringComparison.Ordinal)))
        {
            throw new ImportException($"{name} belongs to the database or to the service, and nothing is imported into it");
        }

        if (kind is not ("r" or "p"))
        {
            throw new ImportException($"{name} is no table: a file can be merged into tables only, not into views or foreign tables");
        }

        var columns = await connection.QueryAsync(
            ColumnsSql,
            row => new TargetColumn(
                row.GetString(0), row.GetString(1), row.GetString(2), row.GetBoolean(3), row.GetBoolean(4), row.GetBoolean(5), row.GetString(6)),
            cancellationToken,
            id,
            key.ToArray());
        if (key.FirstOrDefault(column => columns.All(other => other.Name != column)) is { } unknown)
        {
            throw new ImportException($"{name} has no column {unknown} to be the key; it has {NamesOf(columns)}");
        }

        var keyColumns = key.Count == 0 ? [] : await connection.QueryAsync(KeySql, row => new KeyColumn(row.GetString(0), row.GetString(1)), cancellationToken, id, key.ToArray());
        if (keyColumns.Count < key.Count)
        {
            var quoted = key.Select(column => columns.First(other => other.Name == column).Quoted);
            throw new ImportException(
                $"{name} has no unique index on {string.Join(", ", key)}, so that two rows could have one key: create unique index concurrently on {name} ({string.Join(", ", quoted)})");
        }

        return new TargetTable(id, name, hidesRows, columns, keyColumns);
    }

    /// <summary>The names of its columns, for people.</summary>
    public string AllNames => NamesOf(Columns);

    /// <summary>Its checks that need nothing but these columns.</summary>
    public Task<List<string>> ReadChecksAsync(NpgsqlConnection connection, IReadOnlyList<string> columns, CancellationToken cancellationToken) =>
        connection.QueryAsync(ChecksSql, row => row.GetString(0), cancellationToken, Id, columns.ToArray());

    /// <summary>What these columns have to refer to.</summary>
    public Task<List<Reference>> ReadReferencesAsync(NpgsqlConnection connection, IReadOnlyList<string> columns, CancellationToken cancellationToken) => connection.QueryAsync(
        ReferencesSql,
        row => new Reference(row.GetString(0), row.GetBoolean(1), row.GetFieldValue<string[]>(2), row.GetFieldValue<string[]>(3), row.GetFieldValue<string[]>(4)),
        cancellationToken,
        Id,
        columns.ToArray());

    private static string NamesOf(IEnumerable<TargetColumn> columns) => string.Join(", ", columns.Select(column => column.Name));
}
