using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Reading;

/// <summary>GetMessage of what an application's tables may hold: the answer leaves out what cannot be said, or the error stays and says why.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class OddMessagesTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MessageExpiration=00:00:00.010", "--Limits:MaxTextBytes=100000");
        await _database.ExecuteAsync("insert into tweet.users (userid, uname) overriding system value values (1, 'Puck'), (2, repeat('u', 200000))");
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [TestCase("'infinity'")]
    [TestCase("'-infinity'")]
    [TestCase("'4713-01-01 BC'")]
    [TestCase("'0001-12-31 BC'")]
    [TestCase("'294276-12-31 23:59:59+00'")]
    [TestCase("'10000-01-01 00:00:00+00'")]
    public async Task GetMessage_OfATimeBeyondTheCalendar_LeavesItOut(string time)
    {
        var id = await AddAsync($"1, {time}, 'text'");
        var answer = await ReadAsync(id);
        Assert.That((answer.Author, answer.Text, answer.PostedAt), Is.EqualTo(("Puck", "text", (Timestamp?)null)));
    }

    [TestCase("'0001-01-01 00:00:00+00'", "0001-01-01T00:00:00Z")]
    [TestCase("'9999-12-31 23:59:59.999999+00'", "9999-12-31T23:59:59.999999Z")]
    [TestCase("'1969-12-31 23:59:59.999999+00'", "1969-12-31T23:59:59.999999Z")]
    [TestCase("'2026-11-25 12:34:56.123456+05:45'", "2026-11-25T06:49:56.123456Z")]
    public async Task GetMessage_OfATimeOfTheCalendar_IsExact(string time, string expected)
    {
        var answer = await ReadAsync(await AddAsync($"1, {time}, 'text'"));
        Assert.That(answer.PostedAt.ToString().Trim('"'), Is.EqualTo(expected));
    }

    [Test]
    public async Task GetMessage_OfALongText_SaysHowLongAndWhatTheLimitIs()
    {
        Assert.That((await ReadAsync(await AddAsync("1, now(), repeat('x', 99996)"))).Text, Has.Length.EqualTo(99_996));
        foreach (var (values, bytes) in new[] { ("1, now(), repeat('x', 100001)", 100_005), ("2, now(), 'x'", 200_001) })
        {
            var error = await FailAsync(_service, await AddAsync(values));
            Assert.That(error.StatusCode, Is.EqualTo(StatusCode.ResourceExhausted));
            Assert.That(error.Detail, Does.Contain($"{bytes} bytes").And.Contain("Limits:MaxTextBytes"));
        }
    }

    [Test]
    public async Task GetMessage_InAnotherSchema_AnswersWhatThereIs()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Limits:MessageExpiration=00:00:00.010");
        await database.ExecuteAsync(
            """
            insert into tweet.users (userid, uname) overriding system value values (1, 'Puck');
            insert into tweet.message (userid, datetime, message) values (1, '2026-11-25 12:00:00+00', 'one');
            drop view tweet.message_with_counters;
            alter table tweet.message drop constraint message_userid_fkey;
            alter table tweet.users drop constraint users_pkey cascade;
            alter table tweet.users alter uname drop not null, alter uname type varchar(10), alter userid drop identity;
            alter table tweet.message alter userid drop not null, alter userid type int, alter message drop not null, alter datetime drop not null, alter datetime type timestamp using datetime at time zone 'UTC';
            create view tweet.message_with_counters as
                select m.messageid, count(a.id) filter (where a.action = 'rt') as rts, count(a.id) filter (where a.action = 'fav') as favs
                  from tweet.message m left join tweet.activity a using (messageid) group by m.messageid;
            insert into tweet.users (userid, uname) values (2, null);
            insert into tweet.message (userid, datetime, message) values (2, 'infinity', null), (null, null, 'three'), (99, now(), 'four')
            """);
        Assert.That(await AuthorAndTextAsync(service, 1), Is.EqualTo(("Puck", "one")));
        Assert.That(await AuthorAndTextAsync(service, 2), Is.EqualTo(("", "")));
        Assert.That(await AuthorAndTextAsync(service, 3), Is.EqualTo(("", "three")), "no author");
        Assert.That(await AuthorAndTextAsync(service, 4), Is.EqualTo(("", "four")), "an author that is not there");

        await database.ExecuteAsync("alter table tweet.message alter datetime type date using null, alter userid type smallint");
        await database.ExecuteAsync("update tweet.message set datetime = '5874897-01-01' where messageid = 1; update tweet.message set datetime = '2026-11-25' where messageid = 3");
        await Wait.UntilAsync(async () => await AuthorAndTextAsync(service, 1) == ("Puck", "one"), RunningService.Patience, "a date that is no time");
        await Wait.UntilAsync(async () => (await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 3 })).PostedAt is not null, RunningService.Patience, "a date is a time");

        await database.ExecuteAsync("alter table tweet.message alter datetime drop default, alter datetime type int using 7");
        Assert.That(await AuthorAndTextAsync(service, 4), Is.EqualTo(("", "four")), "no date at all");
    }

    [Test]
    public async Task GetMessage_OfBytesThatAreNoText_ShowsThemAsSuch()
    {
        var name = $"test_{Guid.NewGuid():N}";
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync($"create database {name} encoding 'SQL_ASCII' locale 'C' template template0");
        try
        {
            var ascii = new Npgsql.NpgsqlConnectionStringBuilder(database.ConnectionString) { Database = name, ClientEncoding = "SQL_ASCII", Pooling = false };
            await using var service = await RunningService.StartAsync(new Npgsql.NpgsqlConnectionStringBuilder(database.ConnectionString) { Database = name }.ConnectionString);
            await using (var connection = new Npgsql.NpgsqlConnection(ascii.ConnectionString))
            {
                await connection.OpenAsync();
                await connection.ExecuteAsync(
                    """
                    insert into tweet.users (uname) values (E'P\xFCck');
                    insert into tweet.message (userid, message) select userid, E'caf\xE9 \xC3\xA9' from tweet.users
                    """);
            }

            await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
            Assert.That(await AuthorAndTextAsync(service, 1), Is.EqualTo(("P\uFFFDck", "caf\uFFFD é")));
        }
        finally
        {
            await database.ExecuteAsync($"drop database {name} with (force)");
        }
    }

    [Test]
    public async Task GetMessage_InALatin1Database_IsTheSameText()
    {
        var name = $"test_{Guid.NewGuid():N}";
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync($"create database {name} encoding 'LATIN1' locale 'C' template template0");
        try
        {
            var latin1 = new Npgsql.NpgsqlConnectionStringBuilder(database.ConnectionString) { Database = name, Pooling = false }.ConnectionString;
            await using var service = await RunningService.StartAsync(latin1);
            await using (var connection = new Npgsql.NpgsqlConnection(latin1))
            {
                await connection.OpenAsync();
                await connection.ExecuteAsync("insert into tweet.users (uname) values ('Pück'); insert into tweet.message (userid, message) select userid, 'café' from tweet.users");
            }

            await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
            Assert.That(await AuthorAndTextAsync(service, 1), Is.EqualTo(("Pück", "café")));
        }
        finally
        {
            await database.ExecuteAsync($"drop database {name} with (force)");
        }
    }

    [TestCase("revoke select on tweet.users from twcache_reader", "grant twcache_reader to \"role_")]
    [TestCase("alter table tweet.users rename column uname to name", "uname")]
    [TestCase("drop table tweet.users cascade", "tweet.users")]
    public async Task GetMessage_ThatWillNotPass_SaysSoForGood(string change, string words)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(database));
        await database.ExecuteAsync(change);
        var error = await FailAsync(service, 1);
        Assert.That(error.StatusCode, Is.EqualTo(StatusCode.FailedPrecondition));
        Assert.That(error.Detail, Does.Contain(words).And.Not.Contain("try again"));
    }

    private async Task<long> AddAsync(string values) => await _database.QueryAsync<long>($"insert into tweet.message (userid, datetime, message) values ({values}) returning messageid");

    private async Task<GetMessageResponse> ReadAsync(long id) => await _service.Client.GetMessageAsync(new GetMessageRequest { MessageId = id, Read = new ReadOptions { Strong = true } });

    private static async Task<(string Author, string Text)> AuthorAndTextAsync(RunningService service, long id)
    {
        var answer = await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = id, Read = new ReadOptions { Strong = true } });
        return (answer.Author, answer.Text);
    }

    private static async Task<Status> FailAsync(RunningService service, long id) =>
        (await Assert.ThrowsAsync<RpcException>(async () => await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = id, Read = new ReadOptions { Strong = true } })))!.Status;
}
