using System.Net;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>Watches as server-sent events.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class EventStreamTests
{
    [Test]
    public async Task Stream_OfSomeMessages_TellsStateThenChangesOfThoseOnly()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(3);
        await service.AssertEqualsViewAsync(database);

        await using var events = await EventReader.OpenAsync(service, "ids=1,2,50");
        Assert.That(events.Response.Headers.CacheControl?.NoCache, Is.True);
        Assert.That(events.Response.Headers.GetValues("X-Accel-Buffering"), Is.EqualTo(new[] { "no" }));
        var first = await events.NextAsync();
        Assert.That((first.Reset, first.Synced), Is.EqualTo((true, true)));
        Assert.That(first.Counts.Select(counts => counts.MessageId), Is.EqualTo(new[] { 1L, 2 }));
        Assert.That(events.LastEventId, Is.EqualTo($"{first.Freshness.Epoch}:{first.Freshness.Revision}"));
        Assert.That(events.ReconnectionInterval, Is.EqualTo(TimeSpan.FromSeconds(1)));

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt')");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
        var second = await events.NextAsync();
        Assert.That(second.Counts.Select(counts => (counts.MessageId, counts.Retweets)), Is.EqualTo(new[] { (2L, 1L) }));
        await database.ExecuteAsync("delete from tweet.message where messageid = 1");
        Assert.That((await events.NextAsync()).RemovedMessageIds, Is.EqualTo(new[] { 1L }));
    }

    [Test]
    public async Task Stream_ResumedByItsLastId_TellsOnlyWhatChangedSince()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(10);
        await service.AssertEqualsViewAsync(database);
        foreach (var query in (string[])["all=true", "ids=1,2,3,4,5"])
        {
            string reached;
            await using (var events = await EventReader.OpenAsync(service, query))
            {
                await events.NextAsync();
                reached = events.LastEventId;
            }

            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
            await service.AssertEqualsViewAsync(database);
            foreach (var (suffix, header) in new[] { ("", reached), ($"&last_event_id={reached}", null), ("&last_event_id=nothing:1", reached) })
            {
                await using var resumed = await EventReader.OpenAsync(service, query + suffix, header);
                var first = await resumed.NextAsync();
                Assert.That((first.Reset, first.Synced), Is.EqualTo((false, true)));
                Assert.That(first.Counts.Select(counts => counts.MessageId), Is.EqualTo(new[] { 2L }));
            }

            foreach (var strange in (string[])["another:1", "nonsense", ":", "a:b", "another:1:1", "1:2:3:4", reached.Replace(":", ":0:", StringComparison.Ordinal)])
            {
                await using var anew = await EventReader.OpenAsync(service, query, strange);
                Assert.That((await anew.NextAsync()).Reset, Is.True, strange);
            }
        }
    }

    /// <summary>After an error an EventSource would not come again.</summary>
    [Test]
    public async Task Stream_OfAServiceThatIsBehindWhatWasSeen_EndsInOrderWithoutAnEvent()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        string reached;
        await using (var events = await EventReader.OpenAsync(service, "ids=1"))
        {
            await events.NextAsync();
            reached = events.LastEventId;
        }

        foreach (var ahead in (string[])[$"{reached}0000", $"{reached}:1000000"])
        {
            await using var events = await EventReader.OpenAsync(service, "ids=1", ahead);
            Assert.That(await events.TryNextAsync(), Is.Null);
            Assert.That(events.ReconnectionInterval, Is.EqualTo(TimeSpan.FromSeconds(1)));
        }
    }

    [Test]
    public async Task Stream_OfManyMessages_HasNothingToResumeFromUntilAllIsTold()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(100_000);
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await using var events = await EventReader.OpenAsync(service, "all=true", "another:7");
        var (total, synced) = (0, false);
        while (!synced)
        {
            var part = await events.NextAsync();
            (total, synced) = (total + part.Counts.Count, part.Synced);
            Assert.That(events.LastEventId, Does.Match(synced ? "^[0-9a-f]+:[1-9][0-9]*$" : "^[0-9a-f]+:0:[1-9][0-9]*$"), "else whoever is cut off in between resumes behind what it was never told");
        }

        Assert.That(total, Is.EqualTo(100_000));
    }

    [Test]
    public async Task Stream_WithAHeartbeat_HearsOfAgeAndState()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:00:10");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        await using var events = await EventReader.OpenAsync(service, "ids=1&heartbeat=0.1s&min_interval=60s");
        await events.NextAsync();
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        for (var n = 0; n < 3; n++)
        {
            var beat = await events.NextAsync();
            Assert.That((beat.Counts.Count, beat.Freshness.State), Is.EqualTo((0, FeedState.Live)));
        }

        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await gate.TerminateServiceAsync();
        while ((await events.NextAsync()).Freshness.State != FeedState.Stale)
        {
        }
    }

    [Test]
    public async Task Stream_WithoutAHeartbeat_HearsTheStateAndComments()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:00:10");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        var answer = await service.GetAsync("v1/counts/watch?ids=1");
        using var lines = new StreamReader(await answer.Response.Content.ReadAsStreamAsync());
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var seen = new List<string>();
        while (!seen.Contains(": nothing new"))
        {
            seen.Add(await lines.ReadLineAsync(patience.Token) ?? throw new EndOfStreamException());
        }

        Assert.That(seen.Count(line => line == "event: counts"), Is.EqualTo(1), "nothing but the comment since the state");
        Assert.That(await lines.ReadLineAsync(patience.Token), Does.Match("^id: [0-9a-f]+:[0-9]+$"), "how far it has got");

        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await gate.TerminateServiceAsync();
        while (!(await lines.ReadLineAsync(patience.Token))!.Contains("FEED_STATE_STALE", StringComparison.Ordinal))
        {
        }
    }

    [Test]
    public async Task Stream_BeyondTheLimit_IsRefusedAndEndedOnesMakeRoom()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:MaxSubscriptions=2");
        var first = await EventReader.OpenAsync(service, "all=true");
        using var second = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        await second.ResponseStream.MoveNext(CancellationToken.None);
        await first.NextAsync();

        var refused = await service.GetAsync("v1/counts/watch?all=true");
        Assert.That((refused.Code, refused.Status), Is.EqualTo((HttpStatusCode.TooManyRequests, "RESOURCE_EXHAUSTED")));
        await first.DisposeAsync();
        await Wait.UntilAsync(() => service.Hub.Count == 1, RunningService.Patience, "there is room");
        await using var third = await EventReader.OpenAsync(service, "all=true");
        Assert.That((await third.NextAsync()).Synced);
    }

    [Test]
    public async Task Stream_ByAClientThatDoesNotRead_IsEnded()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(200_000);
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:StuckClientTimeout=00:00:01");
        using var stuck = await Security.RawConnection.OpenAsync(service.HttpAddress);
        await stuck.SendAsync("GET /v1/counts/watch?all=true HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        await Wait.UntilAsync(() => service.Hub.StuckClients == 1 && service.Hub.Count == 0, RunningService.Patience, "the client that does not read is ended");

        await using var reader = await EventReader.OpenAsync(service, "ids=1");
        Assert.That((await reader.NextAsync()).Synced);
        await stuck.FinishAsync();
    }

    [Test]
    public async Task Stream_WhenTheServiceStops_EndsInOrder()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await using var events = await EventReader.OpenAsync(service, "all=true");
        await events.NextAsync();
        await service.StopAsync();
        Assert.That(await events.TryNextAsync(), Is.Null);
    }
}
