using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Series;

/// <summary>What an article has in place of the service, in a schema <c>article</c> that goes, with its triggers, when this is disposed.</summary>
internal sealed class Article : IAsyncDisposable
{
    /// <summary>A counter in each row, to be updated.</summary>
    public const string CounterColumn = "create table article.message (messageid bigint primary key, rts bigint not null)";

    /// <summary>A summary table whose trigger updates the row, and inserts it where there was none.</summary>
    public const string UpdateElseInsert =
        """
        create table article.counters (messageid bigint primary key, rts bigint not null, favs bigint not null);
        create function article.count() returns trigger language plpgsql as $$
        declare
            rt  int := (new.action = 'rt')::int - (new.action = 'de-rt')::int;
            fav int := (new.action = 'fav')::int - (new.action = 'de-fav')::int;
        begin
            update article.counters set rts = rts + rt, favs = favs + fav where messageid = new.messageid;
            if not found then
                insert into article.counters values (new.messageid, rt, fav);
            end if;
            return null;
        end
        $$;
        create trigger article_count after insert on tweet.activity for each row execute function article.count()
        """;

    /// <summary>A summary table whose trigger inserts, and updates on conflict. As in the article, what is inserted first knows of doings only.</summary>
    public const string Upsert =
        """
        create table article.counters (messageid bigint primary key references tweet.message, rts bigint not null, favs bigint not null);
        create function article.count() returns trigger language plpgsql as $$
        begin
            insert into article.counters as c values (new.messageid, (new.action = 'rt')::int, (new.action = 'fav')::int)
            on conflict (messageid) do update
                set rts  = c.rts  + case new.action when 'rt'  then 1 when 'de-rt'  then -1 else 0 end,
                    favs = c.favs + case new.action when 'fav' then 1 when 'de-fav' then -1 else 0 end;
            return null;
        end
        $$;
        create trigger article_count after insert on tweet.activity for each row execute function article.count()
        """;

    /// <summary>Counters for each day, whose trigger takes the day on which it runs for that of the activity.</summary>
    public const string DailyCounters =
        """
        create table article.daily_counters (day date primary key, rts bigint default 0, de_rts bigint default 0, favs bigint default 0, de_favs bigint default 0);
        create function article.count() returns trigger language plpgsql as $$
        declare
            rt    int := (new.action = 'rt')::int;
            de_rt int := (new.action = 'de-rt')::int;
            fav   int := (new.action = 'fav')::int;
            de_fav int := (new.action = 'de-fav')::int;
        begin
            update article.daily_counters set rts = rts + rt, de_rts = de_rts + de_rt, favs = favs + fav, de_favs = de_favs + de_fav where day = current_date;
            if not found then
                insert into article.daily_counters values (current_date, rt, de_rt, fav, de_fav);
            end if;
            return null;
        end
        $$;
        create trigger article_count after insert on tweet.activity for each row execute function article.count()
        """;

    /// <summary>A trigger that sends each row's difference in a notification, and the table that <see cref="ArticleCache"/> writes its counters to.</summary>
    public const string Notify =
        $$"""
        create table article.counters (messageid bigint primary key, rts bigint not null, favs bigint not null);
        create function article.tell() returns trigger language plpgsql as $$
        begin
            perform pg_notify('{{ArticleCache.Channel}}', json_build_object(
                'messageid', new.messageid,
                'rts',  case new.action when 'rt'  then 1 when 'de-rt'  then -1 else 0 end,
                'favs', case new.action when 'fav' then 1 when 'de-fav' then -1 else 0 end)::text);
            return null;
        end
        $$;
        create trigger article_tell after insert on tweet.activity for each row execute function article.tell()
        """;

    private readonly ITestDatabase _database;

    private Article(ITestDatabase database)
    {
        _database = database;
    }

    public static async Task<Article> CreateAsync(ITestDatabase database, string sql)
    {
        await ExecuteAsync(database, $"create schema article; {sql}");
        return new Article(database);
    }

    /// <summary>What its counters say of a message; null where they have none.</summary>
    public async Task<(long Rts, long Favs)?> CountersAsync(long messageId)
    {
        await using var connection = await _database.OpenAsync();
        await using var command = new NpgsqlCommand($"select rts, favs from article.counters where messageid = {messageId}", connection);
        await using var reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() ? (reader.GetInt64(0), reader.GetInt64(1)) : null;
    }

    /// <summary>What its counters say of each day.</summary>
    public async Task<IReadOnlyList<string>> DaysAsync()
    {
        await using var connection = await _database.OpenAsync();
        return await connection.QueryAsync<string[]>(
            "select coalesce(array_agg(format('%s %s/%s/%s/%s', day, rts, de_rts, favs, de_favs) order by day), '{}') from article.daily_counters");
    }

    public async ValueTask DisposeAsync() => await ExecuteAsync(_database, "drop schema article cascade");

    // With the service, whose statements lock in another order, it may come to a deadlock.
    private static Task ExecuteAsync(ITestDatabase database, string sql) => Wait.UntilAsync(
        async () =>
        {
            try
            {
                await database.ExecuteAsync(sql);
                return true;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                return false;
            }
        },
        RunningService.Patience,
        sql);
}
