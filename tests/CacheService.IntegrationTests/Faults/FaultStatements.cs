using CacheService.IntegrationTests.Infrastructure;
using LogForm = CacheService.Feed.LogForm;

namespace CacheService.IntegrationTests.Faults;

/// <summary>What the writers of the fault tests write: everything that changes counts.</summary>
internal static class FaultStatements
{
    private const int Messages = 300;
    private const int Activities = 3000;

    /// <summary>The messages of one user are written at random; those of the other are each written by one writer alone.</summary>
    private const string Random = "(select userid from tweet.users where uname = 'Puck')";
    private const string Honest = "(select userid from tweet.users where uname = 'Cordelia')";

    public const string CreateHonestMessage = $"insert into tweet.message (userid, message) select {Honest}, 'mine' returning messageid";

    /// <summary>Messages of both users, where those are there.</summary>
    public static readonly string CreateMessages =
        $"""
        insert into tweet.message (userid, message) select {Random}, 'message ' || n from generate_series(1, {Messages}) n;
        insert into tweet.message (userid, message) select {Honest}, 'calm' from generate_series(1, 20)
        """;

    private static readonly string[] Actions = ["rt", "fav", "rt", "fav", "de-rt", "de-fav"];

    /// <summary>The application's tables with something in them, no cache running yet. Twenty messages are 'calm': no writer touches them.</summary>
    public static async Task PrepareAsync(ITestDatabase database)
    {
        await database.ApplySchemaAsync();
        if (RunningService.LogSettings.Contains($"--Feed:Log={LogForm.Table}"))
        {
            // Before anybody is in the way.
            await database.ExecuteAsync("select twcache.set_log('table')");
        }

        await FillAsync(database);
    }

    /// <summary>As above, where the tables are there.</summary>
    public static async Task FillAsync(ITestDatabase database)
    {
        await database.ExecuteAsync(
            $"""
            insert into tweet.users (uname) values ('Puck'), ('Cordelia') on conflict do nothing;
            {CreateMessages};
            insert into tweet.activity (messageid, action) select 1 + n % {Messages}, (array['rt', 'fav', 'de-fav'])[1 + n % 3]::tweet.action_t from generate_series(1, {Activities}) n;
            analyze
            """);
    }

    /// <summary>None to four statements of a transaction.</summary>
    public static IEnumerable<string> Some(Random random)
    {
        var count = random.Next(5);
        for (var n = 0; n < count; n++)
        {
            yield return One(random);
        }
    }

    private static string One(Random random)
    {
        var action = Actions[random.Next(Actions.Length)];
        return random.Next(100) switch
        {
            < 45 => $"insert into tweet.activity (messageid, action) select messageid, '{action}' from {SomeMessages(1)} m",
            < 60 => $"update tweet.activity set action = '{action}' where id in ({SomeActivities(2)})",
            < 68 => $"update tweet.activity set messageid = m.messageid from {SomeMessages(1)} m where id in ({SomeActivities(1)})",
            < 78 => $"delete from tweet.activity where id in ({SomeActivities(2)})",
            < 88 => $"insert into tweet.message (userid, message) select {FaultStatements.Random}, 'new' from generate_series(1, {1 + random.Next(3)})",
            < 98 => $"delete from tweet.message where messageid in (select messageid from {SomeMessages(2)} m)",
            _ => $"insert into tweet.activity (messageid, action) select messageid, '{action}' from {SomeMessages(200)} m, generate_series(1, 5)",
        };
    }

    private static string SomeMessages(int count) =>
        $"(select messageid from tweet.message where userid = {Random} and messageid >= (select floor(random() * max(messageid))::bigint from tweet.message) order by messageid limit {count})";

    private static string SomeActivities(int count) =>
        $"""
        select a.id from tweet.activity a join tweet.message using (messageid)
         where userid = {Random} and a.id >= (select floor(random() * max(id))::bigint from tweet.activity) order by a.id limit {count}
        """;
}
