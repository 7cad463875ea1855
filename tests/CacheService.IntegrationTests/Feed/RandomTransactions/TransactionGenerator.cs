using FsCheck;
using FsCheck.Fluent;

namespace CacheService.IntegrationTests.Feed.RandomTransactions;

/// <summary>Generates transactions with everything that writers do to messages and activity.</summary>
internal static class TransactionGenerator
{
    private const string InsertActivity = "insert into tweet.activity (messageid, action)";

    private static readonly Gen<string> Isolation = Gen.Elements("read committed", "read committed", "repeatable read", "serializable");
    private static readonly Gen<string> Action = Gen.Elements("rt", "fav", "rt", "fav", "de-rt", "de-fav");
    private static readonly Gen<int> Few = Gen.Choose(1, 6);
    private static readonly Gen<int> Salt = Gen.Choose(0, 9999);

    private static readonly Gen<string> OneRow =
        from salt in Salt
        from action in Action
        select $"{InsertActivity} values (({Messages(salt, 1)}), '{action}')";

    private static readonly Gen<string> ManyRows =
        from salt in Salt
        from first in Action
        from second in Action
        select $"{InsertActivity} values (({Messages(salt, 1)}), '{first}'), (({Messages(salt + 1, 1)}), '{second}'), (({Messages(salt, 1)}), '{first}')";

    private static readonly Gen<string> InsertSelect =
        from salt in Salt
        from action in Action
        from messages in Few
        from times in Few
        select $"{InsertActivity} select messageid, '{action}' from ({Messages(salt, messages)}) m, generate_series(1, {times})";

    private static readonly Gen<string> Copy = Gen.Choose(1, 40).Select(rows => $"{RandomTransaction.CopyMark}{rows}");

    private static readonly Gen<string> NewMessages =
        Few.Select(count => $"insert into tweet.message (userid, message) select 1, 'new' from generate_series(1, {count})");

    private static readonly Gen<string> Upsert =
        from salt in Salt
        select $"insert into tweet.message (messageid, userid, message) select messageid, 1, 'again' from ({Messages(salt, 2)}) m "
            + "on conflict (messageid) do update set message = excluded.message";

    private static readonly Gen<string> WritableCte =
        from salt in Salt
        from messages in Few
        from action in Action
        select "with born as (insert into tweet.message (userid, message) select 1, 'born' from generate_series(1, " + messages + ") returning messageid), "
            + $"gone as (delete from tweet.activity where id in ({Activities(salt, messages)})) "
            + $"{InsertActivity} select messageid, '{action}' from born union all select messageid, 'fav' from ({Messages(salt, 2)}) m";

    private static readonly Gen<string> Move =
        from salt in Salt
        from count in Few
        select $"update tweet.activity set messageid = ({Messages(salt, 1)}) where id in ({Activities(salt, count)})";

    private static readonly Gen<string> ChangeAction =
        from salt in Salt
        from count in Few
        from action in Action
        select $"update tweet.activity set action = '{action}' where id in ({Activities(salt, count)})";

    private static readonly Gen<string> Late =
        from salt in Salt
        from action in Action
        from rows in Few
        from days in Gen.Choose(0, 400)
        select $"{InsertActivity.Replace("action", "action, datetime", StringComparison.Ordinal)} select messageid, '{action}', timestamptz '2025-01-01 00:00+00' + {days} * interval '9 hours' from ({Messages(salt, rows)}) m";

    private static readonly Gen<string> ChangeTime =
        from salt in Salt
        from count in Few
        from hours in Gen.Choose(-100, 100)
        select $"update tweet.activity set datetime = datetime + {hours} * interval '1 hour' where id in ({Activities(salt, count)})";

    private static readonly Gen<string> ChangeKey = Salt.Select(salt =>
        $"update tweet.message set messageid = nextval(pg_get_serial_sequence('tweet.message', 'messageid')) where messageid in ({Messages(salt, 2)})");

    private static readonly Gen<string> DeleteActivity =
        from salt in Salt
        from count in Few
        select $"delete from tweet.activity where id in ({Activities(salt, count)})";

    private static readonly Gen<string> DeleteMessages = Salt.Select(salt => $"delete from tweet.message where messageid in ({Messages(salt, 2)})");

    private static readonly Gen<string> Truncate = Gen.Elements("truncate tweet.activity", "truncate tweet.message cascade");

    private static readonly Gen<string> Pause = Gen.Choose(1, 30).Select(milliseconds => $"select pg_sleep({milliseconds} / 1000.0)");

    private static readonly Gen<string> Step = Gen.Frequency(
        (8, OneRow),
        (4, ManyRows),
        (4, InsertSelect),
        (3, Copy),
        (5, NewMessages),
        (2, Upsert),
        (3, WritableCte),
        (3, Move),
        (2, ChangeAction),
        (3, Late),
        (3, ChangeTime),
        (1, ChangeKey),
        (3, DeleteActivity),
        (2, DeleteMessages),
        (6, Pause));

    private static readonly Gen<IEnumerable<string>> Steps = Gen.Frequency(
        (12, Step.Select(step => new[] { step }.AsEnumerable())),
        (4, Step.ListOf(2).Select(steps => (IEnumerable<string>)["savepoint s", .. steps, "rollback to savepoint s"])),
        (2, Step.ListOf(2).Select(steps => (IEnumerable<string>)["savepoint s", .. steps, "release savepoint s"])));

    /// <summary>Transactions of one to five steps.</summary>
    public static Gen<RandomTransaction> Transaction { get; } = Gen.Frequency(
        (40,
            from isolation in Isolation
            from count in Gen.Choose(1, 5)
            from steps in Steps.ListOf(count)
            from fate in Gen.Choose(1, 5)
            select new RandomTransaction(isolation, [.. steps.SelectMany(step => step)], Commits: fate > 1)),
        (1,
            from before in Step
            from truncate in Truncate
            from after in Step
            select new RandomTransaction("read committed", [before, truncate, after], Commits: true)));

    // A choice of rows that depends on nothing but the rows and the salt.
    private static string Messages(int salt, int count) => $"select messageid from tweet.message order by md5(messageid || '-{salt}') limit {count}";

    private static string Activities(int salt, int count) => $"select id from tweet.activity order by md5(id || '-{salt}') limit {count}";
}
