using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Postgres;

/// <summary>Whatever <c>alter role … set</c> says, the service's sessions are as it needs them.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class SessionDefaultsTests
{
    private static readonly string[] Hostile =
    [
        "statement_timeout = '50ms'", "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '50ms'", "idle_session_timeout = '2s'",
        "default_transaction_isolation = 'serializable'", "default_transaction_read_only = on", "default_transaction_deferrable = on", "search_path = 'evil, pg_catalog'",
        "enable_indexscan = off", "enable_indexonlyscan = off", "enable_bitmapscan = off", "plan_cache_mode = force_custom_plan", "max_parallel_workers_per_gather = 8", "work_mem = '64kB'",
        "datestyle = 'SQL, DMY'", "intervalstyle = 'sql_standard'", "bytea_output = 'escape'", "extra_float_digits = -15", "timezone = 'Asia/Kathmandu'", "client_encoding = 'LATIN1'",
        "client_min_messages = debug5", "exit_on_error = on", "quote_all_identifiers = on", "transform_null_equals = on", "standard_conforming_strings = off", "array_nulls = off",
        "synchronous_commit = remote_apply", "row_security = on", "jit_above_cost = 0", "tcp_user_timeout = 0",
    ];

    [Test]
    public async Task Service_OfARoleWithEveryDefaultAgainstIt_IsExact()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(5);
        // An operator that would be found first, were the path the role's own.
        await database.ExecuteAsync(
            """
            create schema evil; grant usage on schema evil to public;
            create function evil.wrong(bigint, bigint) returns boolean language sql as 'select false';
            create operator evil.= (leftarg = bigint, rightarg = bigint, function = evil.wrong);
            create function evil.pg_backend_pid() returns int language sql as 'select 1';
            create function evil.now() returns timestamptz language sql as $$select 'epoch'::timestamptz$$
            """);
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await SetAsync(database, role, Hostile);

        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(database), "--Feed:LeaseDuration=00:00:24");
        await AssertFollowsAsync(database, service);
        await Wait.UntilAsync(() => service.Status.NotificationsWorking, RunningService.Patience, "notifications arrive");
        // Some renewals long, and longer than its sessions may be idle.
        var until = await database.QueryAsync<DateTime>("select clock_timestamp() + interval '10s'");
        await Wait.UntilAsync(async () => await database.QueryAsync<DateTime>("select clock_timestamp()") > until, RunningService.Patience, "time has passed");
        await AssertFollowsAsync(database, service);
        Assert.That(service.Log.Entries.Where(entry => entry.EventName is "SessionBroken" or "LeaseRenewalFailed" or "ChangeLogCareFailed"), Is.Empty);
    }

    [Test]
    public async Task Service_OfARoleThatBecomesAnother_IsItself()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var nobody = await TestRole.CreateAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader", nobody.Name);
        await SetAsync(database, role, $"role = '{nobody.Name}'");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(database));
        await AssertFollowsAsync(database, service);
    }

    [Test]
    public async Task Service_OfARoleThatInheritsNothing_KeepsTheRoleThatItIsSetTo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await database.ExecuteAsync($"alter role {role.Name} noinherit");
        await SetAsync(database, role, "role = 'twcache_reader'");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(database));
        await AssertFollowsAsync(database, service);
    }

    [Test]
    public async Task Start_WithDeferrableDefaultsBesideASerializableWriter_WaitsForNobody()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await SetAsync(database, role, "default_transaction_isolation = 'serializable'", "default_transaction_read_only = on", "default_transaction_deferrable = on");
        await using (var first = await RunningService.StartAsync(role.ConnectionStringTo(database)))
        {
            await using var writer = await database.OpenAsync();
            await writer.ExecuteAsync("begin isolation level serializable; select count(*) from tweet.message; create temporary table t (); ");
            // The first one records all changes, so that this one need not wait for the writer to end.
            await using var second = await RunningService.StartAsync(role.ConnectionStringTo(database));
            Assert.That(await writer.QueryAsync<int>("select 1"), Is.EqualTo(1), "the writer is still there");
        }
    }

    [Test]
    public async Task Service_WhoseRowsWouldBeHidden_FailsInstead()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await SetAsync(database, role, "row_security = on");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(database));
        await database.ExecuteAsync("alter table tweet.users enable row level security");
        var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1 }));
        Assert.That(error!.Status.StatusCode, Is.EqualTo(StatusCode.FailedPrecondition));
        Assert.That(error.Status.Detail, Does.Contain("row-level security").And.Contain("bypassrls"));
    }

    private static async Task SetAsync(TestDatabase database, TestRole role, params string[] settings)
    {
        await using var connection = await database.OpenAsync();
        foreach (var setting in settings)
        {
            // "set x = 'a, b'" would be one name.
            await connection.ExecuteAsync($"alter role {role.Name} set {(setting.StartsWith("search_path", StringComparison.Ordinal) ? "search_path = evil, pg_catalog" : setting)}");
        }
    }

    private static async Task AssertFollowsAsync(TestDatabase database, RunningService service)
    {
        await database.AddMessagesAsync(2);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        var truth = await database.ReadViewAsync();
        var request = new BatchGetCountsRequest { Read = new ReadOptions { Strong = true } };
        request.MessageIds.AddRange(truth.Keys);
        var answer = await service.Client.BatchGetCountsAsync(request, deadline: DateTime.UtcNow + RunningService.Patience);
        Assert.That(answer.Counts.ToDictionary(counts => counts.MessageId, counts => (counts.Retweets, counts.Likes)), Is.EquivalentTo(truth));
    }
}
