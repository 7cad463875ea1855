using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Limits;

/// <summary>What the service's role may do: what the service does, and nothing else.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class ServiceRoleTests
{
    private static readonly string[] Forbidden =
    [
        "insert into tweet.activity (messageid, action) values (1, 'rt')",
        "update tweet.activity set action = 'fav'",
        "delete from tweet.activity",
        "truncate tweet.activity",
        "insert into tweet.message (userid, message) values (1, 'm')",
        "update tweet.message set message = ''",
        "delete from tweet.message",
        "truncate tweet.message cascade",
        "insert into tweet.users (uname) values ('Iago')",
        "update tweet.users set uname = 'Iago'",
        "delete from tweet.users",
        "table tweet.follower",
        "insert into twcache.change (messageid) values (null)",
        "update twcache.change set rts = 9",
        "delete from twcache.change",
        "truncate twcache.change",
        "update twcache.change_identity set id = gen_random_uuid()",
        "delete from twcache.change_identity",
        "insert into twcache.consumer select * from twcache.consumer",
        "update twcache.consumer set expires_at = 'infinity'",
        "delete from twcache.consumer",
        "insert into twcache.schema_file (name) values ('x')",
        "delete from twcache.schema_file",
        "select setval('twcache.lease', 0)",
        "select nextval('twcache.lease')",
        "select setval('twcache.lapse', 0)",
        "select setval('tweet.message_messageid_seq', 1)",
        "select nextval('tweet.activity_id_seq')",
        "select twcache.extend_lease(9)",
        "table twjobs.run",
        "update twjobs.job set schedule = null",
        "create table twcache.mine (n int)",
        "create table tweet.mine (n int)",
        "create function twcache.mine() returns int language sql as 'select 1'",
        "create or replace function twcache.trim(int) returns int language sql as 'select 1'",
        "drop function twcache.trim(int)",
        "drop table twcache.change",
        "drop trigger twcache_activity_insert on tweet.activity",
        "alter table tweet.activity disable trigger all",
        "alter table twcache.change set logged",
        "create schema mine",
        "create role mine",
        "set session_replication_role = replica",
        "select pg_read_file('PG_VERSION')",
        "copy twcache.change to program 'true'",
    ];

    /// <summary>The log is kept for the rest after a rollup that took long, which is five minutes at most.</summary>
    private static readonly TimeSpan TrimPatience = TimeSpan.FromMinutes(6);

    [Test]
    public async Task Service_WithTheReaderRoleOnly_DoesAllItHasTo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(database), "--Feed:LeaseDuration=00:00:03");
        await database.AddMessagesAsync(10);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await service.AssertEqualsViewAsync(database);
        Assert.That((await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1 })).Author, Is.EqualTo("Puck"));

        // Renewed and trimmed; loaded afresh; and rid of what a cache that is gone has left, which is the same role's.
        await Wait.UntilAsync(async () => await database.QueryAsync<long>("select count(*) from twcache.change") == 0, TrimPatience, "the log is trimmed");
        await database.ExecuteAsync("update twcache.change_identity set id = gen_random_uuid()");
        await Wait.UntilAsync(() => service.Log.Has("Reloading"), RunningService.Patience, "it loads afresh");
        await service.WaitForLiveAsync();
        await using var gone = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(role.ConnectionStringTo(database)) { ApplicationName = "CacheService reader 0badcafe" }.ConnectionString);
        await gone.OpenAsync();
        await Wait.UntilAsync(() => service.Log.Has("SessionsOfTheGoneEnded"), RunningService.Patience, "a session that is left over is ended");
        await service.AssertEqualsViewAsync(database);

        Assert.That(service.Log.Entries.Where(entry => entry.Message.Contains(PostgresErrorCodes.InsufficientPrivilege, StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public async Task Role_OfTheService_MayDoNothingElse()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await using var connection = new NpgsqlConnection(role.ConnectionStringTo(database));
        await connection.OpenAsync();

        foreach (var statement in Forbidden)
        {
            var error = await Assert.CatchAsync<PostgresException>(() => connection.ExecuteAsync(statement), statement);
            Assert.That(error!.SqlState, Is.EqualTo(PostgresErrorCodes.InsufficientPrivilege), $"{statement}: {error.MessageText}");
        }
    }

    [Test]
    public async Task Sessions_OfTheService_AreNamedForWhatTheyDo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });

        const string Sql =
            """
            select string_agg(distinct application_name, ', ' order by application_name) ~ '^CacheService lease [0-9a-f]{8}, CacheService listener [0-9a-f]{8}, CacheService pool [0-9a-f]{8}, CacheService reader [0-9a-f]{8}, CacheService texts [0-9a-f]{8}$'
              from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
            """;
        await Wait.UntilAsync(() => database.QueryAsync<bool>(Sql), RunningService.Patience, "the loader's session is gone, and the others have names");
    }
}
