using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Grpc;

/// <summary>Streams of reads over real gRPC.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ReadCountsTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await _database.AddMessagesAsync(20);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select n, 'rt' from generate_series(1, 20) n, generate_series(1, n)");
        await _service.AssertEqualsViewAsync(_database);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Reads_OfOneMessage_AreAnsweredEachWithItsCountsOrItsError()
    {
        using var call = Open();
        await call.RequestStream.WriteAsync(new ReadCountsRequest
        {
            Reads =
            {
                Read(1, 3), Read(2, 999), Read(3, 0), Read(4, 20, new ReadOptions { MaxAge = new Duration { Seconds = -1 } }), Read(ulong.MaxValue, 20), Read(5, 7, new ReadOptions { Strong = true }),
                Read(6, 7, new ReadOptions { Source = ReadSource.Database }), new CountsRead { Id = 7, MessageId = 7, Read = new ReadOptions { Strong = true }, Timeout = new Duration { Seconds = -1 } },
            },
        });
        await call.RequestStream.CompleteAsync();

        var answers = await ReadAllAsync(call);
        Assert.That(Text(answers), Is.EqualTo(new Dictionary<ulong, string>
        {
            [1] = "3: 3",
            [2] = "NotFound: there is no message 999",
            [3] = "InvalidArgument: message_id is 0; ids are 1 or more",
            [4] = "InvalidArgument: max_age is not a duration of zero or more",
            [ulong.MaxValue] = "20: 20",
            [5] = "7: 7",
            [6] = "7: 7",
            [7] = "InvalidArgument: timeout is not a duration from 0:00:00.001 to 1:0:00:00",
        }));
        Assert.That(answers[1].Freshness, Is.EqualTo(answers[ulong.MaxValue].Freshness));
        Assert.That((answers[1].Freshness.State, answers[1].Freshness.Source), Is.EqualTo((FeedState.Live, ReadSource.Unspecified)));
        Assert.That(answers[1].Freshness.Age.ToTimeSpan(), Is.InRange(TimeSpan.Zero, RunningService.Patience));
        Assert.That((answers[6].Freshness.Epoch, answers[6].Freshness.Source), Is.EqualTo(("", ReadSource.Database)));
    }

    [Test]
    public async Task Read_ThatWaits_HoldsUpNoOther()
    {
        await using var writer = await _database.OpenAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (19, 'fav')");
        var xid = await XidAsync(writer);
        using var call = Open();
        await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Read(1, 19, new ReadOptions { AtLeastXid = xid }), Read(2, 3) } });
        await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Read(3, 4), Read(4, 5, new ReadOptions { Strong = true }) } });

        var answers = new Dictionary<ulong, Answered>();
        while (answers.Count < 3)
        {
            await ReadAsync(call, answers);
        }

        Assert.That(Text(answers), Is.EqualTo(new Dictionary<ulong, string> { [2] = "3: 3", [3] = "4: 4", [4] = "5: 5" }));
        await transaction.CommitAsync();
        await ReadAsync(call, answers);
        Assert.That(answers[1].Answer.Counts.Likes, Is.EqualTo(1), "its own write");
    }

    [Test]
    public async Task Reads_ThatWait_EndByTheirOwnTime()
    {
        await using var writer = await _database.OpenAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        var unmet = new ReadOptions { AtLeastXid = await XidAsync(writer) };
        using var call = Open();
        await call.RequestStream.WriteAsync(new ReadCountsRequest
        {
            Reads =
            {
                new CountsRead { Id = 1, MessageId = 1, Read = unmet, Timeout = new Duration { Seconds = 30 } },
                new CountsRead { Id = 2, MessageId = 1, Read = unmet, Timeout = new Duration { Seconds = 2 } },
                new CountsRead { Id = 1, MessageId = 1, Read = unmet },
            },
        });

        var answers = new Dictionary<ulong, Answered>();
        await ReadAsync(call, answers);
        Assert.That(Text(answers)[1], Is.EqualTo("InvalidArgument: another read with the id 1 waits on this stream; give each its own"));
        while (!answers.ContainsKey(2))
        {
            await ReadAsync(call, answers);
        }

        Assert.That(Text(answers)[2], Does.StartWith("FailedPrecondition: transaction").And.Contain("is still in progress"));

        // Given up, its id is free; and nothing comes of it any more.
        await call.RequestStream.WriteAsync(new ReadCountsRequest { GivenUp = { 1, 77 } });
        await Wait.UntilAsync(
            async () =>
            {
                await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Read(1, 4, new ReadOptions { Strong = true }) } });
                await ReadAsync(call, answers);
                return answers[1].Answer.Counts?.Retweets == 4;
            },
            RunningService.Patience,
            "the id may be given anew");
        await call.RequestStream.CompleteAsync();
        Assert.That(await ReadAllAsync(call), Is.Empty);
    }

    [Test]
    public async Task Reads_MoreThanMayWait_AreRefusedAndHoldUpNoOther()
    {
        await using var writer = await _database.OpenAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        var unmet = new ReadOptions { AtLeastXid = await XidAsync(writer) };
        using var call = Open();
        var most = CacheService.Api.Grpc.ReadStream.MostWaiting;
        await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Enumerable.Range(1, most + 2).Select(id => Read((ulong)id, 1, unmet)), Read(ulong.MaxValue, 3) } });

        var answers = new Dictionary<ulong, Answered>();
        while (answers.Count < 3)
        {
            await ReadAsync(call, answers);
        }

        var refused = "ResourceExhausted: 4000 reads of this stream wait for what they ask for; wait for their answers, or open another stream";
        Assert.That(Text(answers), Is.EqualTo(new Dictionary<ulong, string> { [(ulong)most + 1] = refused, [(ulong)most + 2] = refused, [ulong.MaxValue] = "3: 3" }));
        await transaction.CommitAsync();
        while (answers.Count < most + 3)
        {
            await ReadAsync(call, answers);
        }
    }

    [Test]
    public async Task Client_ThatTakesNoAnswers_CostsItselfOnly()
    {
        const int Messages = 200;
        const int ReadsPerMessage = 1_000;
        using var call = Open();
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < Messages; i++)
            {
                await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Enumerable.Range(1, ReadsPerMessage).Select(n => Read((ulong)((i * ReadsPerMessage) + n), (n % 20) + 1)) } });
            }

            await call.RequestStream.CompleteAsync();
        });

        // On the same connection.
        using var other = Open();
        var answers = new Dictionary<ulong, Answered>();
        for (var id = 1ul; id <= 1_000; id++)
        {
            await other.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Read(id, 5) } });
            await ReadAsync(other, answers);
        }

        Assert.That(answers, Has.Count.EqualTo(1_000));
        Assert.That(writing.IsCompleted, Is.False, "the service takes no more reads than it can answer");

        Assert.That(await ReadAllAsync(call), Has.Count.EqualTo(Messages * ReadsPerMessage));
        await writing;
    }

    [Test]
    public async Task Message_OfTooManyReads_EndsItsStreamOnly()
    {
        using var other = Open();
        using var call = Open();
        await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Enumerable.Repeat(new CountsRead(), 10_001) } });
        var refused = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync(call));
        Assert.That(refused!.Status, Is.EqualTo(new Status(StatusCode.InvalidArgument, "a message has 10001 reads; send at most 10000 in one")));

        await other.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Read(1, 5) } });
        var answers = new Dictionary<ulong, Answered>();
        await ReadAsync(other, answers);
        Assert.That(answers, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Client_ThatTakesNoAnswers_IsCutOffAndHoldsUpNoStop()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:StuckClientTimeout=00:00:02");
        await database.AddMessagesAsync(20);
        await service.AssertEqualsViewAsync(database);
        using var cut = service.Client.ReadCounts();
        var cutOff = SendUntilItFailsAsync(cut);
        await cutOff.WaitAsync(RunningService.Patience);

        using var stuck = service.Client.ReadCounts();
        var sending = SendUntilItFailsAsync(stuck);
        await service.StopAsync().WaitAsync(RunningService.Patience);
        await sending.WaitAsync(RunningService.Patience);

        static async Task SendUntilItFailsAsync(AsyncDuplexStreamingCall<ReadCountsRequest, ReadCountsResponse> call)
        {
            var request = new ReadCountsRequest { Reads = { Enumerable.Range(1, 1_000).Select(n => Read((ulong)n, (n % 20) + 1)) } };
            try
            {
                while (true)
                {
                    await call.RequestStream.WriteAsync(request);
                }
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException or IOException or HttpRequestException)
            {
                // The service has ended the call.
            }
        }
    }

    [Test]
    public async Task Service_ThatStops_AnswersWhatItHasTakenAndEndsTheStream()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        await using var writer = await database.OpenAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        using var call = service.Client.ReadCounts();
        await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Read(1, 1, new ReadOptions { AtLeastXid = await XidAsync(writer) }), Read(2, 1) } });
        var answers = new Dictionary<ulong, Answered>();
        await ReadAsync(call, answers);
        Assert.That(Text(answers), Is.EqualTo(new Dictionary<ulong, string> { [2] = "1: 0" }));

        var stopping = service.StopAsync();
        await transaction.CommitAsync();
        await ReadAsync(call, answers);
        Assert.That(Text(answers)[1], Is.EqualTo("1: 1"));
        var ended = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync(call));
        Assert.That(ended!.Status, Is.EqualTo(new Status(StatusCode.Unavailable, "The server is shutting down.")));
        await stopping;
    }

    [Test]
    public async Task Stream_OfACallerWithoutTheRight_IsRefused()
    {
        var (reader, watcher) = (new TestKey(0, "reader", "Read"), new TestKey(1, "watcher", "Watch"));
        await using var service = await RunningService.StartAsync(_database.ConnectionString, [.. reader.Settings, .. watcher.Settings]);
        Assert.That((await AskAsync(service, reader.Key)).StatusCode, Is.EqualTo(StatusCode.OK));
        Assert.That((await AskAsync(service, watcher.Key)).StatusCode, Is.EqualTo(StatusCode.PermissionDenied));
        Assert.That((await AskAsync(service, "unknown")).StatusCode, Is.EqualTo(StatusCode.Unauthenticated));

        Task<Status> AskAsync(RunningService asked, string key) => SecureCalls.StatusAsync(async () =>
        {
            using var call = asked.Client.ReadCounts(SecureCalls.Headers($"Bearer {key}"));
            await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Read(1, 3) } });
            await ReadAsync(call, []);
        });
    }

    [Test]
    public async Task Reads_BeyondTheRate_AreRefusedOneByOne()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:CallsPerSecond=3");
        using var call = service.Client.ReadCounts();
        await call.RequestStream.WriteAsync(new ReadCountsRequest { Reads = { Enumerable.Range(1, 50).Select(id => Read((ulong)id, 3)) } });
        await call.RequestStream.CompleteAsync();
        var answers = await ReadAllAsync(call);

        var refused = answers.Values.Where(answered => answered.Answer.Error is not null).Select(answered => answered.Answer.Error).ToList();
        Assert.That(refused, Has.Count.InRange(45, 48), "the stream is a call, and each read is one");
        Assert.That(refused.Select(error => ((StatusCode)error.Code, error.RetryAfter)), Has.All.EqualTo((StatusCode.ResourceExhausted, new Duration { Seconds = 1 })));
        Assert.That(refused[0].Message, Is.EqualTo("more than 3 calls a second from one caller; try again in 1 s, ask for many messages in one call, or watch them"));
    }

    private AsyncDuplexStreamingCall<ReadCountsRequest, ReadCountsResponse> Open() => _service.Client.ReadCounts(deadline: DateTime.UtcNow + (2 * RunningService.Patience));

    private static CountsRead Read(ulong id, long messageId, ReadOptions? options = null) => new() { Id = id, MessageId = messageId, Read = options };

    private static async Task<ulong> XidAsync(NpgsqlConnection writer) => ulong.Parse(await writer.QueryAsync<string>("select pg_current_xact_id()::text"));

    private static async Task<Dictionary<ulong, Answered>> ReadAllAsync(AsyncDuplexStreamingCall<ReadCountsRequest, ReadCountsResponse> call)
    {
        var answers = new Dictionary<ulong, Answered>();
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            Add(call.ResponseStream.Current, answers);
        }

        return answers;
    }

    private static async Task ReadAsync(AsyncDuplexStreamingCall<ReadCountsRequest, ReadCountsResponse> call, Dictionary<ulong, Answered> answers)
    {
        Assert.That(await call.ResponseStream.MoveNext(CancellationToken.None), Is.True);
        Add(call.ResponseStream.Current, answers);
    }

    private static void Add(ReadCountsResponse message, Dictionary<ulong, Answered> answers)
    {
        foreach (var answer in message.Answers)
        {
            answers[answer.Id] = new Answered(answer, message.Freshness);
        }
    }

    private static Dictionary<ulong, string> Text(Dictionary<ulong, Answered> answers) => answers.ToDictionary(
        answer => answer.Key,
        answer => answer.Value.Answer is { Error: { } error } ? $"{(StatusCode)error.Code}: {error.Message}" : $"{answer.Value.Answer.Counts.MessageId}: {answer.Value.Answer.Counts.Retweets}");

    private sealed record Answered(ReadAnswer Answer, Freshness Freshness);
}
