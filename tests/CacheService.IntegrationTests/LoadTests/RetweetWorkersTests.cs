using CacheService.IntegrationTests.Infrastructure;
using CacheService.LoadTests.Articles;

namespace CacheService.IntegrationTests.LoadTests;

internal sealed class RetweetWorkersTests
{
    private const string RetweetSql = "insert into tweet.activity (messageid, action) values (:id, 'rt')";

    [Test]
    public async Task Run_WhereOneWorkerIsRefused_CountsWhatIsCommittedAndWhatIsNot()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(2);
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync(
            """
            create table public.seen (worker text, session int, transaction xid8);
            create function public.refuse() returns trigger language plpgsql as $$
            begin
                if current_setting('application_name') = 'worker 2' then
                    raise exception 'not this one';
                end if;
                insert into public.seen values (current_setting('application_name'), pg_backend_pid(), pg_current_xact_id());
                return new;
            end
            $$;
            create trigger refuse before insert on tweet.activity for each row execute function public.refuse();
            """);

        var outcome = await new RetweetWorkers(4, 5).RunAsync(database.ConnectionString, RetweetSql, messageId: 2, CancellationToken.None);

        Assert.That((outcome.Done, outcome.Errors), Is.EqualTo((15, 5)));
        Assert.That(outcome.Connected, Is.GreaterThan(TimeSpan.Zero).And.LessThan(outcome.Elapsed));
        Assert.That(await connection.QueryAsync<long>("select rts from tweet.message_with_counters where messageid = 2"), Is.EqualTo(15));
        Assert.That(await connection.QueryAsync<string>("select string_agg(distinct worker, ', ' order by worker) from public.seen"), Is.EqualTo("worker 0, worker 1, worker 3"));
        Assert.That(await connection.QueryAsync<long>("select count(distinct session) from public.seen"), Is.EqualTo(3), "each has a connection of its own");
        Assert.That(await connection.QueryAsync<long>("select count(distinct transaction) from public.seen"), Is.EqualTo(15), "each retweet is a transaction");
    }
}
