using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>Reads the <see cref="Baseline"/>, and what stands in the way of the counts.</summary>
internal static class BaselineReader
{
    /// <summary>Reads what stands in the way of the counts, in a line, empty if nothing does; all tables that are counted; the two that they are children or partitions of; and whether a trigger of ours fires, but not always. Rows of the log are only looked at where nothing else is wrong.</summary>
    private const string ProblemsSql =
        """
        with recursive tree (id) as (
            select unnest(array[to_regclass('tweet.message')::oid, to_regclass('tweet.activity')::oid])
            union
            select inhrelid from tree join pg_inherits on inhparent = id
        )
        select coalesce(nullif(array_to_string(twcache.problems(), '; '), ''), twcache.foreign_rows(), ''),
               (select coalesce(array_agg(id order by id) filter (where id is not null), array[]::oid[]) from tree),
               array[to_regclass('tweet.message')::oid, to_regclass('tweet.activity')::oid],
               exists (select from twcache.present_trigger where enabled = 'O')
        """;

    /// <summary>Reads the baseline, in one row.</summary>
    public static string Sql { get; } =
        $"""
        select tables, server, database, books, functions, concat_ws(' ', columns, labels),
               exists (select from twcache.change where xid >= (pg_snapshot_xmax(pg_current_snapshot())::text::numeric + {FarAhead})::text::xid8),
               twcache.problems(), footprint
          from twcache.baseline
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
        Books = row.GetString(3),
        Functions = row.GetFieldValue<uint[]>(4),
        Columns = row.GetString(5),
        HasRowsFromAhead = row.GetBoolean(6),
        Problems = row.GetFieldValue<string[]>(7),
        Footprint = ReadFootprint(row, 8),
    };

    /// <summary>Reads what <c>twcache.footprint</c> answers.</summary>
    public static Footprint ReadFootprint(NpgsqlDataReader row, int column) =>
        row.GetFieldValue<long[]>(column) is [var triggers, var functions, var readings, var children, var files, var message, var activity, var changeLog]
            ? new Footprint(triggers, functions, readings, children, files, message, activity, changeLog)
            : throw new InvalidOperationException("twcache.footprint is not the one that sql/905_baseline.sql makes.");
}
