using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf;
using NATS.Client.Core;
using NATS.Client.JetStream;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Replication;

/// <summary>What any program may ask a publisher that may ask at all: none of it does harm to others.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class QuestionsTests
{
    private string _name = null!;
    private TestDatabase _database = null!;
    private RunningService _publisher = null!;
    private NatsConnection _connection = null!;

    [SetUp]
    public async Task Start()
    {
        _name = ReplicationSetUp.NewName();
        _database = await TestDatabase.CreateAsync();
        _publisher = await RunningService.StartAsync(_database.ConnectionString, ReplicationSetUp.Publishing(_name));
        _connection = new NatsConnection(new NatsOpts { Url = ReplicationSetUp.Url });
    }

    [TearDown]
    public async Task Stop()
    {
        await _connection.DisposeAsync();
        await _publisher.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Question_WhoseReplyWouldGoToNoInbox_OrThatIsTooLong_IsNotAnswered()
    {
        await AskAsync(Now());
        await using var elsewhere = await _connection.SubscribeCoreAsync<byte[]>($"{_name}.elsewhere");
        await using var inbox = await _connection.SubscribeCoreAsync<byte[]>("_INBOX.QuestionsTests");

        await TellAsync(Now(), replyTo: elsewhere.Subject);
        await TellAsync(Now(), replyTo: $"{_name}.frames");
        await TellAsync(Now(follower: new string('x', 5000)), replyTo: inbox.Subject);
        await TellAsync(Now(), replyTo: inbox.Subject);

        // Those that came before it are answered with it, or not at all.
        using var patience = new CancellationTokenSource(RunningService.Patience);
        await inbox.Msgs.ReadAsync(patience.Token);
        await AskAsync(Now());
        await _connection.PingAsync();
        Assert.That(elsewhere.Msgs.TryRead(out _), Is.False, "replies go to those who wait for them");
        Assert.That(inbox.Msgs.TryRead(out _), Is.False, "nobody keeps questions of any length");
        Assert.That(_publisher.Log.Has("PublishingStopped"), Is.False, "nothing has come between its frames");
    }

    [Test]
    public async Task Question_WithAnAgeThatNothingHas_IsAnswered_AndTheAgeIsNotPassedOn()
    {
        const long MicrosecondsOfDuration = 315_576_000_000_000_000;
        long[] ages = [long.MinValue, -1, MicrosecondsOfDuration + 1_000_000, (long.MaxValue / 10) - 1, long.MaxValue / 10, long.MaxValue];
        foreach (var age in ages)
        {
            await AskAsync(Now(follower: $"age {age}", age));
        }

        await AskAsync(Now(follower: "age 7 s", 7_000_000));

        var listed = (await AskAsync(new Question { Caches = true })).Caches.Caches.Where(cache => cache.Name.StartsWith("age ", StringComparison.Ordinal)).ToList();
        Assert.That(listed.Select(cache => cache.Name), Is.EquivalentTo(ages.Select(age => $"age {age}").Append("age 7 s")));
        Assert.That(listed.Where(cache => cache.Age is not null).Select(cache => (cache.Name, cache.Age.ToTimeSpan())), Is.EqualTo(new[] { ("age 7 s", TimeSpan.FromSeconds(7)) }));
        // JSON has no word for a duration out of range.
        using var http = new HttpClient { BaseAddress = _publisher.HttpAddress };
        Assert.That(await http.GetStringAsync(new Uri("/v1/caches", UriKind.Relative)), Does.Contain("age 7 s"));
    }

    [Test]
    public async Task Question_OfOneWhoHasHadWhatTheStreamLacks_BeginsAnotherChain_ButNotSoonAgain([Values] bool ofATenureBefore)
    {
        const ulong Lost = 1000;
        var chain = (await AskAsync(Now())).Chain;
        await AskAsync(await ClaimAsync(beyond: 0));
        Assert.That((await AskAsync(Now())).Chain, Is.EqualTo(chain), "the stream has that");

        var claim = await ClaimAsync(beyond: Lost);
        if (ofATenureBefore)
        {
            // That it had less of, when this one began.
            (claim.Tenure, claim.Sequence) = (claim.Tenure - 1, claim.Sequence - Lost);
        }

        await AskAsync(claim);
        await Wait.UntilAsync(async () => (await AskAsync(Now())).Chain != chain, RunningService.Patience, "another chain is published");

        // Anybody could say so again and again.
        chain = (await AskAsync(Now())).Chain;
        for (var n = 0; n < 5; n++)
        {
            await AskAsync(await ClaimAsync(beyond: Lost));
        }

        Assert.That((await AskAsync(Now())).Chain, Is.EqualTo(chain));
    }

    private static Question Now(string follower = "puck", long age = 0) => new() { Follower = follower, AgeMicroseconds = age, Now = true };

    /// <summary>A question of a follower that has had so much more than there is.</summary>
    private async Task<Question> ClaimAsync(ulong beyond)
    {
        var answer = await AskAsync(Now());
        var last = (ulong)(await new NatsJSContext(_connection).GetStreamAsync(_name)).Info.State.LastSeq;
        var question = Now();
        (question.Chain, question.Tenure, question.Sequence) = (answer.Chain, answer.Tenure, last + beyond);
        return question;
    }

    private ValueTask TellAsync(Question question, string replyTo) => _connection.PublishAsync($"{_name}.questions", question.ToByteArray(), replyTo: replyTo);

    /// <summary>Asks until there is an answer: while nothing is published, there is none.</summary>
    private async Task<Answer> AskAsync(Question question)
    {
        Answer? answer = null;
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    var reply = await _connection.RequestAsync<byte[], byte[]>($"{_name}.questions", question.ToByteArray(), replyOpts: new NatsSubOpts { Timeout = TimeSpan.FromSeconds(1) });
                    answer = Answer.Parser.ParseFrom(reply.Data);
                    return true;
                }
                catch (NatsException)
                {
                    return false;
                }
            },
            RunningService.Patience,
            "the question is answered");
        return answer!;
    }
}
