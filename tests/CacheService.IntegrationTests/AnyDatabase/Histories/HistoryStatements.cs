namespace CacheService.IntegrationTests.AnyDatabase.Histories;

/// <summary>What an application writes in a random history: everything that changes counts.</summary>
internal static class HistoryStatements
{
    private static readonly string[] Actions = ["rt", "fav", "rt", "fav", "de-rt", "de-fav"];

    /// <summary>A transaction of one to four statements.</summary>
    /// <param name="random">Chooses.</param>
    /// <param name="hasParts">Whether activity has the partitions <c>activity_old</c> and <c>activity_default</c> now.</param>
    public static string Some(Random random, bool hasParts)
    {
        var statements = Enumerable.Range(0, 1 + random.Next(4)).Select(_ => One(random, hasParts)).ToList();
        if (statements.Count > 2 && random.Next(3) == 0)
        {
            statements.Insert(1, "savepoint midway");
            statements.Add("rollback to midway");
        }

        return $"begin; {string.Join("; ", statements)}; {(random.Next(10) == 0 ? "rollback" : "commit")}";
    }

    private static string One(Random random, bool hasParts)
    {
        var action = Actions[random.Next(Actions.Length)];
        var time = random.Next(3) == 0 ? "timestamptz '2019-06-01'" : "now()";
        return random.Next(100) switch
        {
            < 25 => $"insert into tweet.activity (messageid, datetime, action) select messageid, {time}, '{action}' from {Message(random)} m",
            < 35 => $"insert into tweet.activity (messageid, datetime, action) select messageid, {time}, '{action}' from tweet.message, generate_series(1, {1 + random.Next(20)})",
            < 45 when hasParts => $"insert into tweet.activity_default (messageid, action) select messageid, '{action}' from {Message(random)} m",
            < 55 => $"update tweet.activity set action = '{action}' where id in {Activities(random)}",
            < 62 => $"update tweet.activity set messageid = m.messageid from {Message(random)} m where id in {Activities(random)}",
            < 70 => $"update tweet.activity set datetime = {time} where id in {Activities(random)}",
            < 80 => $"delete from tweet.activity where id in {Activities(random)}",
            < 88 => $"insert into tweet.message (userid, message) select min(userid), 'new' from tweet.users having (select count(*) from tweet.message) < 15",
            < 93 => $"delete from tweet.message where messageid in (select messageid from {Message(random)} m) and (select count(*) from tweet.message) > 4",
            < 96 => $"update tweet.message set messageid = nextval(pg_get_serial_sequence('tweet.message', 'messageid')) where messageid in (select messageid from {Message(random)} m)",
            < 98 when hasParts => "truncate tweet.activity_default",
            < 99 => "truncate tweet.activity",
            _ => $"insert into tweet.activity (messageid, action) select messageid, '{action}' from tweet.message, generate_series(1, 300)",
        };
    }

    private static string Message(Random random) => $"(select messageid from tweet.message order by messageid offset {random.Next(8)} limit {1 + random.Next(2)})";

    private static string Activities(Random random) => $"(select id from tweet.activity order by id offset {random.Next(30)} limit {1 + random.Next(5)})";
}
