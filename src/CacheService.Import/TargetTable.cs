using Npgsql;

namespace CacheService.Import;

/// <summary>The table into which a file goes, as it was when the import began.</summary>
internal sealed class TargetTable
{
    private const string FindSql =
        """
        select c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relkind::text
          from pg_catalog.pg_class c
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.oid = pg_catalog.to_regclass($1)
        """;

    // Texts are compared byte by byte, because two that some collation takes for equal are not the same; what has no equality of its own (json, point) as text.
    private const string ColumnsSql =
        """
        select a.attname::text, quote_ident(a.attname), a.attnotnull or t.typnotnull, a.attgenerated = '' and (a.attidentity <> 'a' or a.attname = any ($2)),
               case when coalesce(e.typcategory, t.typcategory) = 'S' then case when e.oid is null then '::text collate "C"' else '::text' end
                    when coalesce(e.typcategory, t.typcategory) in ('U', 'G', 'C', 'X') then '::text' else '' end
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_type t on t.oid = a.atttypid
          left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
         where a.attrelid = $1::bigint::oid and a.attnum > 0 and not a.attisdropped
         order by a.attnum
        """;

    private const string KeySql =
        """
        select exists (select from pg_catalog.pg_index i
                        where i.indrelid = $1::bigint::oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null and i.indexprs is null
                          and (select array_agg(a.attname::text order by a.attname::text) from pg_catalog.pg_attribute a
                                where a.attrelid = i.indrelid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
                            = (select array_agg(k order by k) from unnest($2::text[]) as k))
        """;

    private const string ChecksSql =
        """
        select pg_get_constraintdef(c.oid)
          from pg_catalog.pg_constraint c
         where c.conrelid = $1::bigint::oid and c.contype = 'c' and c.conkey is not null
           and (select bool_and(a.attname = any ($2)) from pg_catalog.pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
        """;

    // Not those that refer to the table itself: what they refer to may stand in the same file. Nor those to single partitions, which a reference to a partitioned table has besides.
    private const string ReferencesSql =
        """
        select c.confrelid::regclass::text,
               (select array_agg(quote_ident(a.attname) order by k.n) from unnest(c.conkey) with ordinality as k (attnum, n) join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum),
               (select array_agg(quote_ident(a.attname) order by k.n) from unnest(c.confkey) with ordinality as k (attnum, n) join pg_catalog.pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum)
          from pg_catalog.pg_constraint c
         where c.conrelid = $1::bigint::oid and c.contype = 'f' and c.confrelid <> c.conrelid and c.confmatchtype = 's'
           and not exists (select from pg_catalog.pg_constraint p where p.oid = c.conparentid and p.conrelid = c.conrelid)
           and (select bool_and(a.attname = any ($2)) from pg_catalog.pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
        """;

    private static readonly string[] Reserved = ["information_schema", "twcache", "twimport", "twjobs"];

    private TargetTable(long id, string name, IReadOnlyList<TargetColumn> columns) => (Id, Name, Columns) = (id, name, columns);

    /// <summary>Its number in the database.</summary>
    public long Id { get; }

    /// <summary>Its name with its schema, quoted.</summary>
    public string Name { get; }

    public IReadOnlyList<TargetColumn> Columns { get; }

    /// <summary>Looks at a table.</summary>
    /// <exception cref="ImportException">Nothing can be imported into it by this key.</exception>
    public static async Task<TargetTable> FindAsync(NpgsqlConnection connection, string table, IReadOnlyList<string> key, CancellationToken cancellationToken)
    {
        List<(long Id, string Name, string Kind)> found;
        try
        {
            found = await connection.QueryAsync(FindSql, row => (row.GetInt64(0), row.GetString(1), row.GetString(2)), cancellationToken, table);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidName or PostgresErrorCodes.SyntaxError or PostgresErrorCodes.FeatureNotSupported)
        {
            throw new ImportException($"'{table}' is no name of a table; write it with its schema, such as public.artist", e);
        }

        if (found is not [var (id, name, kind)])
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
            row => new TargetColumn(row.GetString(0), row.GetString(1), row.GetBoolean(2), row.GetBoolean(3), row.GetString(4)),
            cancellationToken,
            id,
            key.ToArray());
        var target = new TargetTable(id, name, columns);
        if (key.FirstOrDefault(column => columns.All(other => other.Name != column)) is { } unknown)
        {
            throw new ImportException($"{name} has no column {unknown} to be the key; it has {target.AllNames}");
        }

        if (key.Count > 0 && !await connection.ValueAsync<bool>(KeySql, cancellationToken, id, key.ToArray()))
        {
            throw new ImportException(
                $"{name} has no unique index on {string.Join(", ", key)}, so that two rows could have one key: create unique index concurrently on {name} ({string.Join(", ", target.Quote(key))})");
        }

        return target;
    }

    /// <summary>The names of its columns, for people.</summary>
    public string AllNames => string.Join(", ", Columns.Select(column => column.Name));

    /// <summary>Its checks that need nothing but these columns.</summary>
    public Task<List<string>> ReadChecksAsync(NpgsqlConnection connection, IReadOnlyList<string> columns, CancellationToken cancellationToken) =>
        connection.QueryAsync(ChecksSql, row => row.GetString(0), cancellationToken, Id, columns.ToArray());

    /// <summary>What these columns have to refer to: a table, the columns here and there, quoted.</summary>
    public Task<List<(string Table, string[] From, string[] To)>> ReadReferencesAsync(NpgsqlConnection connection, IReadOnlyList<string> columns, CancellationToken cancellationToken) =>
        connection.QueryAsync(ReferencesSql, row => (row.GetString(0), row.GetFieldValue<string[]>(1), row.GetFieldValue<string[]>(2)), cancellationToken, Id, columns.ToArray());

    /// <summary>Names of columns as SQL has them.</summary>
    public IEnumerable<string> Quote(IEnumerable<string> names) => names.Select(name => Columns.First(column => column.Name == name).Quoted);
}
