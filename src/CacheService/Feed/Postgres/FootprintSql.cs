namespace CacheService.Feed.Postgres;

/// <summary>Reads a <see cref="Footprint"/>.</summary>
internal static class FootprintSql
{
    /// <summary>The numbers, in SQL.</summary>
    /// <param name="tables">An expression that is an array of the tables' oids.</param>
    /// <param name="functions">One that is an array of the functions' oids.</param>
    /// <param name="withReadings">One that says whether <see cref="Footprint.Readings"/> is asked for.</param>
    public static string Numbers(string tables, string functions, string withReadings) =>
        $"""
        coalesce((select sum((oid::bigint << 20) + xmin::text::bigint) from pg_trigger where tgrelid = any ({tables})), 0)::bigint,
        coalesce((select sum((oid::bigint << 20) + xmin::text::bigint) from pg_proc where oid = any ({functions})), 0)::bigint,
        case when {withReadings} then
            coalesce((select sum((attrelid::bigint << 20) + (attnum << 10) + atttypid::bigint + xmin::text::bigint) from pg_attribute
                       where attrelid = any ({tables}) and attname in ('messageid', 'action') and not attisdropped), 0)
            + coalesce((select sum((oid::bigint << 20) + xmin::text::bigint) from pg_enum
                         where enumtypid = (select atttypid from pg_attribute where attrelid = to_regclass('tweet.activity')::oid and attname = 'action' and not attisdropped)), 0)
            + coalesce((select sum((oid::bigint << 20) + xmin::text::bigint) from pg_rewrite where ev_class = to_regclass('tweet.message_with_counters')::oid), 0)
            + coalesce((select sum((srsubid::bigint << 20) + xmin::text::bigint) from pg_subscription_rel where srrelid = any ({tables})), 0)
        else 0 end::bigint,
        coalesce((select sum((inhrelid::bigint << 20) + xmin::text::bigint) from pg_inherits where inhparent = any ({tables})), 0)::bigint,
        coalesce((select sum(pg_relation_filenode(id)::bigint) from unnest({tables} || to_regclass('twcache.change')::oid) as file (id)), 0)::bigint,
        coalesce(to_regclass('tweet.message')::oid::bigint, 0), coalesce(to_regclass('tweet.activity')::oid::bigint, 0),
        coalesce(to_regclass('twcache.change')::oid::bigint, 0)
        """;

    /// <summary>Takes the numbers from an array.</summary>
    public static Footprint Read(ReadOnlySpan<long> numbers) => new(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7]);
}
