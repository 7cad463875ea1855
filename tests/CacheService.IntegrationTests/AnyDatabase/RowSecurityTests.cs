using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Rows that PostgreSQL hides from the service: never filtered in silence.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class RowSecurityTests
{
    private const string HalfOfTheMessages = "create policy half on tweet.message using (messageid % 2 = 0); alter table tweet.message enable row level security";
    private const string HalfOfTheActivity = "create policy half on tweet.activity using (messageid % 2 = 0); alter table tweet.activity enable row level security";

    [TestCase("alter table tweet.message enable row level security", "alter table tweet.message disable row level security", "tweet.message", TestName = "RowSecurity_OnMessages_IsTold")]
    [TestCase("alter table tweet.activity enable row level security", "alter table tweet.activity disable row level security", "tweet.activity", TestName = "RowSecurity_OnActivity_IsTold")]
    [TestCase(HalfOfTheMessages, "alter table tweet.message disable row level security", "tweet.message", TestName = "RowSecurity_ThatShowsHalfOfTheMessages_IsTold")]
    [TestCase(HalfOfTheActivity, "alter table tweet.activity disable row level security", "tweet.activity", TestName = "RowSecurity_ThatShowsHalfOfTheActivity_IsTold")]
    [TestCase("alter table twcache.change enable row level security", "alter table twcache.change disable row level security", "twcache.change", TestName = "RowSecurity_OnTheLog_IsTold")]
    [TestCase("alter table twcache.consumer enable row level security", "alter table twcache.consumer disable row level security", "twcache.consumer", TestName = "RowSecurity_OnTheConsumers_IsTold")]
    [TestCase("alter table twcache.change_identity enable row level security", "alter table twcache.change_identity disable row level security", "twcache.change_identity", TestName = "RowSecurity_OnTheIdentity_IsTold")]
    public async Task RowSecurity_WhileItRuns_IsTold(string hide, string show, string name)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        await trial.DoAsync(hide);
        await trial.RetweetAsync();
        await trial.ToldAsync(name);
        await trial.RetweetAsync();
        await trial.DoAsync(show);

        await trial.ExactAsync(show, Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase("alter table tweet.message enable row level security", "alter table tweet.message disable row level security", "tweet.message", TestName = "Start_WithRowSecurityOnMessages_IsNotLive")]
    [TestCase(HalfOfTheMessages, "alter table tweet.message disable row level security", "tweet.message", TestName = "Start_WithHalfOfTheMessagesHidden_IsNotLive")]
    [TestCase(HalfOfTheActivity, "alter table tweet.activity disable row level security", "tweet.activity", TestName = "Start_WithHalfOfTheActivityHidden_IsNotLive")]
    [TestCase("alter table twcache.change enable row level security", "alter table twcache.change disable row level security", "twcache.change", TestName = "Start_WithTheLogHidden_IsNotLive")]
    public async Task Start_WithRowsHidden_IsNotLive(string hide, string show, string name)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await database.ExecuteAsync(hide);
        await using var trial = await Trial.StartWithoutWaitingAsync(database, database.AsCounts);

        await trial.ToldAsync(name);
        await trial.RetweetAsync();
        await trial.DoAsync(show);

        await trial.ExactAsync(show, Trial.MendedByHand);
        await trial.FinishAsync();
    }

    [Test]
    public async Task RowSecurity_ForcedOnTheOwner_IsTold()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await database.ExecuteAsync($"alter table tweet.message owner to {database.Owner}; alter table tweet.activity owner to {database.Owner}; grant twcache_reader to {database.Owner}");
        await using var trial = await Trial.StartWithoutWaitingAsync(database, database.AsOwner);
        await trial.ExactAsync("the start as the owner", Trial.MendedByHand);

        // What is not forced does not act on the owner.
        await trial.DoAsync("alter table tweet.activity enable row level security");
        await trial.RetweetAsync();
        await trial.ExactAsync("row security that is not forced", Trial.Mends);
        await trial.DoAsync("alter table tweet.activity force row level security");
        await trial.RetweetAsync();
        await trial.ToldAsync("tweet.activity");
        await trial.DoAsync("alter table tweet.activity no force row level security");

        await trial.ExactAsync("no force", Trial.MendedByHand);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Bypass_GrantedAndRevoked_IsSeenEachTime()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await database.ExecuteAsync($"alter role {database.Counts} bypassrls; alter table tweet.message enable row level security; alter table tweet.activity enable row level security");
        await using var trial = await Trial.StartAsync(database);

        await trial.DoAsync($"alter role {database.Counts} nobypassrls");
        await trial.RetweetAsync();
        await trial.ToldAsync("tweet.message", "tweet.activity");
        await trial.DoAsync($"alter role {database.Counts} bypassrls");

        await trial.ExactAsync("bypassrls", Trial.MendedByHand);
        await trial.FinishAsync();
    }

    [Test]
    public async Task RowSecurity_OnUsers_NeverHidesAMessage()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        var request = new GetMessageRequest { MessageId = 1, Read = new ReadOptions { Strong = true } };
        Assert.That((await trial.Service.Client.GetMessageAsync(request)).Author, Is.EqualTo("Puck"));

        await trial.DoAsync("alter table tweet.users enable row level security");
        await trial.RetweetAsync();
        // Message 2 has not been read before, so nothing remembers it.
        try
        {
            request.MessageId = 2;
            var reply = await trial.Service.Client.GetMessageAsync(request, deadline: DateTime.UtcNow.AddSeconds(5));
            Assert.That(reply.Author, Is.EqualTo("Puck"), "whoever answers has the author");
        }
        catch (RpcException e)
        {
            Assert.That(e.StatusCode, Is.Not.EqualTo(StatusCode.NotFound).And.Not.EqualTo(StatusCode.Internal), e.Status.Detail);
            await TestContext.Progress.WriteLineAsync($"GetMessage: {e.Status}");
        }

        await trial.DoAsync("alter table tweet.users disable row level security");
        await trial.ExactAsync("users are seen again", Trial.MendedByHand);
        request.MessageId = 3;
        Assert.That((await trial.Service.Client.GetMessageAsync(request)).Author, Is.EqualTo("Puck"));
        await trial.FinishAsync();
    }
}
