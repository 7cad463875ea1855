using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Tables that a logical replication fills: its workers fire no statement triggers, so the service says so, or follows them all the same; it is never wrong.</summary>
internal sealed class ReplicationTests
{
    [Test]
    public async Task Subscriber_BeforeAndAfterTheStart_IsExactOrTold()
    {
        await using var server = await PrivateServer.StartAsync(("wal_level", "logical"));
        await using var publisher = await TrialDatabase.CreateAsync(server: server);
        await publisher.ExecuteAsync("create publication everything for table tweet.users, tweet.message, tweet.activity");
        await using var subscriber = await TrialDatabase.CreateEmptyAsync(server);
        await subscriber.ApplySchemaAsync();
        await subscriber.GrantReaderAsync();
        await using var trial = await Trial.StartWithoutWaitingAsync(subscriber, subscriber.AsCounts);
        await trial.ExactAsync("the start on an empty database", Trial.MendedByHand);

        await SubscribeAsync(trial, publisher, subscriber);
        await AssertExactOrToldAsync(trial, publisher, subscriber);
        // Whoever starts on it sees it too.
        await using (var second = await Trial.StartWithoutWaitingAsync(subscriber, subscriber.AsCounts))
        {
            await AssertExactOrToldAsync(second, publisher, subscriber);
            await second.FinishAsync(wasLive: false);
        }

        await trial.DoAsync("drop the subscription", async () =>
        {
            await subscriber.ExecuteAsync("alter subscription copy disable");
            await subscriber.ExecuteAsync("alter subscription copy set (slot_name = none)");
            await subscriber.ExecuteAsync("drop subscription copy");
        });
        await trial.ExactAsync("the subscription is dropped", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
        await Wait.UntilAsync(
            () => publisher.QueryAsync<bool>("select not exists (select from pg_replication_slots where active)"), RunningService.Patience, "nobody reads the slot");
        await publisher.ExecuteAsync("select pg_drop_replication_slot('trial')");
    }

    private static async Task SubscribeAsync(Trial trial, TrialDatabase publisher, TrialDatabase subscriber)
    {
        // On the same server the slot cannot be made by the subscription: each would wait for the other.
        await publisher.ExecuteAsync("select pg_create_logical_replication_slot('trial', 'pgoutput')");
        var source = new NpgsqlConnectionStringBuilder(publisher.ConnectionString);
        await trial.DoAsync("subscribe", async () =>
        {
            await subscriber.ExecuteAsync(
                $"create subscription copy connection 'host=127.0.0.1 port={source.Port} user={source.Username} password={source.Password} dbname={source.Database}' publication everything with (create_slot = false, slot_name = 'trial')");
            await WaitForCopyAsync(publisher, subscriber);
        });
    }

    private static async Task AssertExactOrToldAsync(Trial trial, TrialDatabase publisher, TrialDatabase subscriber)
    {
        await trial.ToldOrMendedAsync("subscription", "replication");
        for (var n = 0; n < 2; n++)
        {
            await trial.DoAsync("written at the publisher", async () =>
            {
                await publisher.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
                await WaitForCopyAsync(publisher, subscriber);
            });
            await trial.ToldOrMendedAsync("subscription", "replication");
        }
    }

    private static async Task WaitForCopyAsync(TrialDatabase publisher, TrialDatabase subscriber)
    {
        const string Count = "select count(*) from tweet.activity";
        var there = await publisher.QueryAsync<long>(Count);
        await Wait.UntilAsync(async () => await subscriber.QueryAsync<long>(Count) == there, RunningService.Patience, "the subscriber has all activity");
    }
}
