using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.IntegrationTests.Replication;

/// <summary>What a follower makes of what publishers and streams say at rare moments.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ScriptedPublisherTests
{
    private const string NoDatabase = "";

    [Test]
    public async Task Answer_OfAnotherTenure_ProvesNothing([Values(ScriptedPublisher.Tenure - 1, ScriptedPublisher.Tenure + 1)] ulong tenure)
    {
        var name = ReplicationSetUp.NewName();
        await using var publisher = await ScriptedPublisher.StartAsync(ReplicationSetUp.Url, name);
        publisher.Says = new Answer(publisher.Says) { Tenure = tenure };
        await using var follower = await RunningService.StartWithoutWaitingAsync(NoDatabase, ReplicationSetUp.Following(name));

        await publisher.WaitUntilSaidAsync();
        Assert.That(follower.Status.Condition.State, Is.Not.EqualTo(FeedState.Live));
        publisher.Says = ScriptedPublisher.Of(ScriptedPublisher.First);
        await follower.WaitForLiveAsync();
    }

    [Test]
    public async Task StrongRead_AnsweredForATenureOfBefore_IsAskedAgain()
    {
        var name = ReplicationSetUp.NewName();
        await using var publisher = await ScriptedPublisher.StartAsync(ReplicationSetUp.Url, name);
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        publisher.Says = new Answer(publisher.Says) { Tenure = ScriptedPublisher.Tenure - 1 };

        var reading = follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = ScriptedPublisher.MessageId, Read = new ReadOptions { Strong = true } });
        await publisher.WaitUntilSaidAsync();
        Assert.That(reading.ResponseAsync.IsCompleted, Is.False);
        publisher.Says = ScriptedPublisher.Of(ScriptedPublisher.First);

        Assert.That((await reading).Counts.Retweets, Is.EqualTo(1));
    }

    /// <summary>A leader that has just been elected may not know of the last frames for a moment.</summary>
    [Test]
    public async Task Stream_ThatLacksItsEndForAMoment_IsReadOn()
    {
        await using var nats = await NatsServer.RequireAsync();
        await using var publisher = await ScriptedPublisher.StartAsync(nats.Url, "tweetcounts");
        await using var follower = await RunningService.StartAsync(NoDatabase, $"--Nats:Url={nats.Url}", "--Feed:Source=Nats");
        follower.ExpectsErrors = true;
        await nats.StopAsync();
        nats.SaveStore();
        await nats.StartAgainAsync();
        var second = ScriptedPublisher.After(ScriptedPublisher.First);
        await publisher.PublishAsync(second);
        await WaitForRetweetsAsync(2);
        await nats.StopAsync();
        nats.RestoreStore();
        await nats.StartAgainAsync();

        var third = ScriptedPublisher.After(second);
        publisher.Says = ScriptedPublisher.Of(third);
        await Wait.UntilAsync(
            () => follower.Log.Entries.Any(entry => entry.EventName == "PublisherAway" && entry.Message.Contains("lacks frames that it has had", StringComparison.Ordinal)),
            RunningService.Patience,
            "it has looked");
        await publisher.PublishAsync(second);
        await publisher.PublishAsync(third);

        await WaitForRetweetsAsync(3);
        Assert.That(follower.Log.Has("ChainLeft"), Is.False, "it needs no checkpoint");

        Task WaitForRetweetsAsync(long retweets) => Wait.UntilAsync(
            async () => (await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = ScriptedPublisher.MessageId })).Counts.Retweets == retweets,
            RunningService.Patience,
            $"it has {retweets} retweets");
    }
}
