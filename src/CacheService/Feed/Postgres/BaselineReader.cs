using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>Reads the <see cref="Baseline"/>, and what stands in the way of the counts.</summary>
internal static class BaselineReader
{
    /// <summary>Reads what stands in the way of the counts, in a line, empty if nothing does; all tables that are counted; the two that they are children or partitions of; and whether a trigger of ours fires, but not always. Of the service's own tables it reads none.</summary>
    private const string ProblemsSql = $"{TablesSql} select array_to_string(twcache.problems(), '; '), ids, array[to_regclass('tweet.message')::oid, to_regclass('tweet.activity')::oid], exists (select from twcache.present_trigger where enabled = 'O') from tables";

    private const string TablesSql =
        """
        with recursive tree (id) as (
            select unnest(array[to_regclass('tweet.message')::oid, to_regclass('tweet.activity')::oid])
            union
            select inhrelid from tree join pg_inherits on inhparent = id
        ), tables (ids) as (
            select coalesce(array_agg(id order by id) filter (where id is not null), array[]::oid[]) from tree
        )
        """;

    /// <summary>Reads the baseline, in one row.</summary>
    public static string Sql { get; } =
        $"""
        {TablesSql}, functions (ids) as (
            select array(select objid from pg_depend join pg_proc on oid = objid
                          where refclassid = 'pg_namespace'::regclass and refobjid = to_regnamespace('twcache')::oid and classid = 'pg_proc'::regclass
                            and (prorettype = 'trigger'::regtype or proname ~ '^(is|as|key|tells)_') order by objid)
        )
        select tables.ids, (select system_identifier from pg_control_system()),
               (select oid::bigint from pg_database where datname = current_database()),
               (select string_agg(format('%s:%s', relname, oid), ' ' order by relname) from pg_class
                 where relnamespace = to_regnamespace('twcache')::oid and relname in ('change_identity', 'consumer', 'lease', 'lapse')),
               functions.ids,
               (select string_agg(format('%s:%s:%s:%s', attrelid, attname, atttypid, xmin), ' ' order by attrelid, attnum) from pg_attribute
                 where attrelid in (to_regclass('tweet.message')::oid, to_regclass('tweet.activity')::oid) and attname in ('messageid', 'action') and not attisdropped),
               (select string_agg(format('%s:%s:%s', enumlabel, oid, xmin), ' ' order by oid) from pg_enum
                 where enumtypid in (select atttypid from pg_attribute where attrelid = to_regclass('tweet.activity')::oid and attname = 'action')),
               exists (select from twcache.change where xid >= (pg_snapshot_xmax(pg_current_snapshot())::text::numeric + {FarAhead})::text::xid8),
               twcache.problems(), array[{FootprintSql.Numbers("tables.ids", "functions.ids", "true")}]
          from tables, functions
        """;

    /// <summary>Transactions that are so far ahead run on no server.</summary>
    private const int FarAhead = 1_000_000;

    /// <summary>Reads what stands in the way of the counts. Blocks.</summary>
    public static BaselineProblems ReadProblems(NpgsqlConnection connection)
    {
        using var command = new NpgsqlCommand(ProblemsSql, connection);
        using var reader = command.ExecuteReader();
        reader.Read();
        return new BaselineProblems(reader.GetString(0), reader.GetFieldValue<uint[]>(1), reader.GetFieldValue<uint?[]>(2), reader.GetBoolean(3));
    }

    /// <summary>Reads what the counts stand on. Blocks.</summary>
    public static Baseline Read(NpgsqlConnection connection)
    {
        using var command = new NpgsqlCommand(Sql, connection);
        using var reader = command.ExecuteReader();
        reader.Read();
        return Read(reader);
    }

    /// <summary>Reads what the counts stand on.</summary>
    public static async Task<Baseline> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Sql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return Read(reader);
    }

    /// <summary>Reads the row of <see cref="Sql"/> that the reader is at.</summary>
    public static Baseline Read(NpgsqlDataReader row) => new()
    {
        Tables = row.GetFieldValue<uint[]>(0),
        Server = row.GetInt64(1),
        Database = row.GetInt64(2),
        Books = TextOf(row, 3),
        Functions = row.GetFieldValue<uint[]>(4),
        Columns = $"{TextOf(row, 5)} {TextOf(row, 6)}",
        HasRowsFromAhead = row.GetBoolean(7),
        Problems = row.GetFieldValue<string[]>(8),
        Footprint = FootprintSql.Read(row.GetFieldValue<long[]>(9)),
    };

    private static string TextOf(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? "" : row.GetString(column);
}
