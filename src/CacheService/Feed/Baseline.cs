using Npgsql;

namespace CacheService.Feed;

/// <summary>
/// What the counts stand on: the server, the database, the tables with their partitions and children, the triggers and their functions. As long as all of it is
/// as it was at the load, the change log has every change since. Whatever differs has to be loaded afresh, or stands in the way of the counts
/// (<see cref="Problems"/>).
/// <para>
/// The catalogs are read by the transaction that last changed each row, so that what was changed and changed back between two looks is seen too.
/// What cannot be seen: rows that somebody deletes from the change log by hand. Audits find that.
/// </para>
/// </summary>
internal sealed record Baseline
{
    /// <summary>Reads what stands in the way of the counts, in a line, empty if nothing does; all tables that are counted; the two that they are children or partitions of; and whether a trigger of ours fires, but not always. Of the service's own tables it reads none.</summary>
    public const string ProblemsSql = $"{TablesSql} select array_to_string(twcache.problems(), '; '), ids, array[to_regclass('tweet.message')::oid, to_regclass('tweet.activity')::oid], exists (select from twcache.present_trigger where enabled = 'O') from tables";

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
               twcache.problems(), array[{Footprint.Sql("tables.ids", "functions.ids", "true")}]
          from tables, functions
        """;

    /// <summary>Transactions that are so far ahead run on no server.</summary>
    private const int FarAhead = 1_000_000;

    /// <summary>The server's system identifier: a copy of its files has the same.</summary>
    public required long Server { get; init; }

    /// <summary>The database's oid: a copy of it under its name has another.</summary>
    public required long Database { get; init; }

    /// <summary>The change log's books.</summary>
    public required string Books { get; init; }

    /// <summary>The trigger functions.</summary>
    public required uint[] Functions { get; init; }

    /// <summary>The columns that are counted, and their labels.</summary>
    public required string Columns { get; init; }

    /// <summary>Whether the change log has rows of transactions that lie far ahead, such as a restore brings.</summary>
    public required bool HasRowsFromAhead { get; init; }

    /// <summary>The tables that are counted, with their partitions and children.</summary>
    public required uint[] Tables { get; init; }

    /// <summary>What every drain looks at.</summary>
    public required Footprint Footprint { get; init; }

    /// <summary>Why the change log does not prove the counts, a sentence each; none if it does.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

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
        Footprint = Footprint.Read(row.GetFieldValue<long[]>(9)),
    };

    /// <summary>Why a registration of another time does not hold now; null if it does.</summary>
    public string? WhyRegisterAfresh(Baseline now)
    {
        if (now.HasRowsFromAhead)
        {
            return "the change log has rows of transactions to come, as after a restore";
        }

        if (Server != now.Server)
        {
            return "this is another server";
        }

        if (Database != now.Database)
        {
            return "this is another database of the same name";
        }

        if (Books != now.Books || Footprint.ChangeLog != now.Footprint.ChangeLog)
        {
            return "the tables of schema twcache are others than before";
        }

        // Whoever runs one of the former functions may have recorded something else, or nothing.
        // Sessions that have written before may go on with plans for the columns and labels of before, until a registration has them plan anew.
        return Footprint.Functions != now.Footprint.Functions ? "trigger functions of schema twcache were replaced"
            : Columns != now.Columns ? "columns or labels of tweet.activity or tweet.message were changed"
            : null;
    }

    /// <summary>What is different since, so that everything has to be loaded afresh; null if nothing is.</summary>
    public string? DescribeChangeTo(Baseline now) =>
        now.Problems.Count > 0 ? string.Join("; ", now.Problems)
        : WhyRegisterAfresh(now)
        ?? (Footprint != now.Footprint ? Footprint.DescribeChangeTo(now.Footprint)
        : !Tables.AsSpan().SequenceEqual(now.Tables) ? "partitions or children of tweet.activity or tweet.message came or went"
        : null);

    private static string TextOf(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? "" : row.GetString(column);
}
