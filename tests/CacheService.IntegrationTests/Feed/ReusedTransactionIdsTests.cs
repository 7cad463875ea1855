using CacheService.Counts;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Feed;

/// <summary>A server that has crashed gives transaction ids out again, which the cache knows as those of transactions that are lost.</summary>
// Beside other fixtures: it waits more than it works, for servers of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed class ReusedTransactionIdsTests
{
    private const int Lost = 200;

    [Test]
    public async Task AtLeastXid_OfATransactionAfterACrashThatIsNotNoticed_IsNotAnsweredFromMemory()
    {
        await using var server = await PrivateServer.StartAsync();
        await using var proxy = new SwallowingProxy(server.Port);
        var throughProxy = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Host = "127.0.0.1", Port = proxy.Port }.ConnectionString;

        // Nothing but the read itself finds out that the connection is dead; and nothing that the service commits saves what is to be lost.
        await using var service = await RunningService.StartAsync(
            throughProxy, "--Feed:StaleAfter=00:01:00", "--Feed:HeartbeatInterval=00:00:10", "--Feed:DrainTimeout=00:00:10", "--Rollup:Interval=0");
        await server.AddMessagesAsync(1);
        await server.ExecuteAsync("alter system set wal_writer_delay = '10s'");
        await server.ExecuteAsync("select pg_reload_conf()");
        var crashes = 0;
        await Wait.UntilAsync(CrashAsync, TimeSpan.FromMinutes(10), "a server that has crashed gives ids out again before anybody has noticed");

        // False: not the one that is wanted, because the machine was too slow. The service had time to notice it, or what was to be lost
        // was saved.
        async Task<bool> CrashAsync()
        {
            crashes++;
            await service.WaitForLiveAsync();
            await using (var writer = new NpgsqlConnection(server.ConnectionString))
            {
                await writer.OpenAsync();
                await writer.ExecuteAsync("set synchronous_commit = off");
                for (var n = 0; n < Lost; n++)
                {
                    await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
                }

                await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
            }

            var known = service.Services.GetRequiredService<CountsStore>().Version!.Snapshot;
            proxy.Fault = NetworkFault.SwallowsBoth;
            await server.StopAsync(immediate: true);
            await server.StartAgainAsync();
            var xid = await server.QueryAsync<ulong>("with written as (insert into tweet.activity (messageid, action) values (1, 'rt')) select pg_current_xact_id()");
            var isGivenOutAgain = known.Includes(xid);
            var isNoticed = (await service.Client.GetStatusAsync(new GetStatusRequest())).State != FeedState.Live;

            var request = new GetCountsRequest { MessageId = 1, Read = new ReadOptions { AtLeastXid = xid } };
            var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Client.GetCountsAsync(request, deadline: DateTime.UtcNow.AddSeconds(2)));
            Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.Unavailable).Or.EqualTo(StatusCode.DeadlineExceeded), error.Status.Detail);

            proxy.Fault = NetworkFault.None;
            var left = (await server.ReadViewAsync())[1];
            await Wait.UntilAsync(
                async () => await TryReadAsync(service, request, crashes) is { } counts && (counts.Retweets, counts.Likes) == left, RunningService.Patience, "the counts after the crash are served");
            return isGivenOutAgain && !isNoticed;
        }
    }

    /// <summary>The counts, which include the transaction after the last crash; null while the service cannot tell them.</summary>
    private static async Task<TweetCounts.V1.Counts?> TryReadAsync(RunningService service, GetCountsRequest request, int crashes)
    {
        try
        {
            var response = await service.Client.GetCountsAsync(request, deadline: DateTime.UtcNow.AddSeconds(2));
            Assert.That(response.Counts.Retweets, Is.EqualTo(crashes), "what is answered includes the transaction");
            return response.Counts;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded)
        {
            return null;
        }
    }
}
