using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Tool;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Series;

/// <summary>A database with the tables and the cast of the article series, and one service for all tests of a class. After each of them the cache equals the view.</summary>
internal abstract class SeriesFixture
{
    protected TestDatabase Database { get; private set; } = null!;

    protected RunningService Service { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        Database = await TestDatabase.CreateAsync();
        Service = await RunningService.StartAsync(Database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        var cast = await ToolRun.RunAsync("load-cast", "--connection", Database.ConnectionString);
        Assert.That(cast.ExitCode, Is.Zero, cast.Error);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await Service.DisposeAsync();
        await Database.DisposeAsync();
    }

    [TearDown]
    public async Task CompareWithTheView()
    {
        // Tables and triggers that come and go may have made it load afresh.
        await Service.WaitForLiveAsync();
        await Service.AssertEqualsViewAsync(Database);
    }

    /// <summary>A message of a user's, without activity.</summary>
    protected Task<long> PostAsync(string uname = "Puck") =>
        Database.QueryAsync<long>($"insert into tweet.message (userid, message) select userid, 'series' from tweet.users where uname = '{uname}' returning messageid");

    /// <summary>What the service says of a message, including all that was committed before.</summary>
    protected async Task<(long Rts, long Favs)> CountsAsync(long messageId)
    {
        var counts = (await Service.Client.GetCountsAsync(new GetCountsRequest { MessageId = messageId, Read = new ReadOptions { Strong = true } })).Counts;
        return (counts.Retweets, counts.Likes);
    }

    /// <summary>A table's columns and their types, in their order.</summary>
    protected Task<string> ReadColumnsAsync(string table) => Database.QueryAsync<string>(
        $"""
        select string_agg(attname || ' ' || format_type(atttypid, null), ', ' order by attnum)
          from pg_attribute where attrelid = 'tweet.{table}'::regclass and attnum > 0 and not attisdropped
        """);

    /// <summary>Waits until sessions wait for locks that others hold.</summary>
    protected Task WaitForBlockedAsync(params IReadOnlyCollection<NpgsqlConnection> sessions)
    {
        var pids = string.Join(", ", sessions.Select(session => session.ProcessID));
        return Wait.UntilAsync(
            async () => await Database.QueryAsync<long>($"select count(*) from pg_stat_activity where pid in ({pids}) and wait_event_type = 'Lock'") == sessions.Count,
            RunningService.Patience,
            $"{sessions.Count} sessions wait for a lock");
    }
}
