namespace CacheService.Postgres;

/// <summary>How the rows of <c>tweet.activity</c> add up to counts, in SQL.</summary>
internal static class ActivitySums
{
    /// <summary>
    /// For transactions that sum the activity of some messages. Index scans, of a few messages of many: the plans are made with statistics that may be of an empty
    /// table. JIT costs more than it gives.
    /// </summary>
    public const string Settings = "set local enable_seqscan = off; set local jit = off";

    /// <summary>
    /// The locks come before the snapshot, which the first query takes: a TRUNCATE in between would show its tables empty to that snapshot. Who waits for the locks holds
    /// up nobody.
    /// </summary>
    public const string LockSql = "lock table tweet.message, tweet.activity in access share mode";

    /// <summary>
    /// A query for the counts of the messages $1, an array of bigint, that exist: their ids, retweets and likes. Ids may be of several types. The activity of messages
    /// that do not exist is nobody's.
    /// </summary>
    /// <param name="action">As for <see cref="Columns"/>.</param>
    public static string OfMessages(string action = "action") =>
        $"""
        select m.messageid::bigint, coalesce(a.rts, 0), coalesce(a.favs, 0)
          from tweet.message m
          left join (select messageid, {Columns(action)} from tweet.activity where messageid = any ($1) group by messageid) a using (messageid)
         where m.messageid = any ($1)
        """;

    /// <summary>
    /// A query for what happened on each day in the time zone $1: the day, retweets, undone ones, likes, undone ones. Only where the table tells the time of activity
    /// (<c>twcache.keeps_days()</c>).
    /// </summary>
    /// <param name="action">As for <see cref="Columns"/>.</param>
    // By slots of time at first: of those there are fewer than rows, and their days are what is dear.
    public static string ByDay(string action = "action") =>
        $"""
        select day, sum(rts)::bigint, sum(de_rts)::bigint, sum(favs)::bigint, sum(de_favs)::bigint
          from (select twcache.day_of(slot, $1) as day, rts, de_rts, favs, de_favs
                  from (select twcache.slot_of(twcache.as_time(datetime)) as slot,
                               count(*) filter (where {action} = 'rt')  as rts,  count(*) filter (where {action} = 'de-rt')  as de_rts,
                               count(*) filter (where {action} = 'fav') as favs, count(*) filter (where {action} = 'de-fav') as de_favs
                          from tweet.activity
                         where messageid is not null
                         group by 1) as by_slot) as by_day
         where day is not null
         group by day
        """;

    /// <summary>The columns <c>rts</c> and <c>favs</c> of the rows of a group.</summary>
    /// <param name="action">The action; <c>action::text</c> where its labels may be of another type than <c>tweet.action_t</c>, or be others.</param>
    public static string Columns(string action = "action") =>
        $"""
        count(*) filter (where {action} = 'rt')  - count(*) filter (where {action} = 'de-rt')  as rts,
        count(*) filter (where {action} = 'fav') - count(*) filter (where {action} = 'de-fav') as favs
        """;
}
