using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Client;

/// <summary>One call of ReadCounts, answered by the test.</summary>
internal sealed class ScriptedReads(IAsyncStreamReader<ReadCountsRequest> requests, IServerStreamWriter<ReadCountsResponse> responses, CancellationToken clientGone)
{
    /// <summary>A message that the test reads to have streams opened. It is answered by itself, and not counted.</summary>
    public const long Opening = 1_000_000;

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<CountsRead> _reads = [];
    private readonly List<ulong> _givenUp = [];

    /// <summary>Completes when the test ends the call, or when the client has gone.</summary>
    public Task Ended => _ended.Task.WaitAsync(clientGone);

    /// <summary>The next of the client's reads.</summary>
    public async Task<CountsRead> NextAsync()
    {
        while (_reads.Count == 0)
        {
            await ReceiveAsync();
        }

        return _reads.Dequeue();
    }

    /// <summary>The reads of some messages, by message, in whatever order they come.</summary>
    public async Task<Dictionary<long, CountsRead>> NextAsync(int count)
    {
        var reads = new Dictionary<long, CountsRead>();
        while (reads.Count < count)
        {
            var read = await NextAsync();
            reads.Add(read.MessageId, read);
        }

        return reads;
    }

    /// <summary>The client gives a read up.</summary>
    public async Task UntilGivenUpAsync(ulong id)
    {
        while (!_givenUp.Contains(id))
        {
            await ReceiveAsync();
        }
    }

    /// <summary>The client sends no more.</summary>
    public async Task UntilCompletedAsync()
    {
        while (await requests.MoveNext(clientGone))
        {
            await AnswerAsync([.. requests.Current.Reads]);
        }
    }

    /// <summary>Answers each read with as many retweets as its message's number, in one message.</summary>
    public Task AnswerAsync(params CountsRead[] reads) => responses.WriteAsync(new ReadCountsResponse
    {
        Answers = { reads.Select(read => new ReadAnswer { Id = read.Id, Counts = new TweetCounts.V1.Counts { MessageId = read.MessageId, Retweets = read.MessageId } }) },
        Freshness = new Freshness { Epoch = "stream", Revision = 1 },
    });

    public Task FailAsync(CountsRead read, StatusCode code, string message, TimeSpan? retryAfter = null) => responses.WriteAsync(new ReadCountsResponse
    {
        Answers = { new ReadAnswer { Id = read.Id, Error = new ReadError { Code = (int)code, Message = message, RetryAfter = retryAfter is { } wait ? Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(wait) : null } } },
    });

    /// <summary>Ends the call.</summary>
    public void End(StatusCode code = StatusCode.OK, string detail = "")
    {
        if (code == StatusCode.OK)
        {
            _ended.TrySetResult();
        }
        else
        {
            _ended.TrySetException(new RpcException(new Status(code, detail)));
        }
    }

    private async Task ReceiveAsync()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(clientGone);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        Assert.That(await requests.MoveNext(patience.Token), Is.True, "the client goes on");
        await AnswerAsync([.. requests.Current.Reads.Where(read => read.MessageId == Opening)]);
        foreach (var read in requests.Current.Reads.Where(read => read.MessageId != Opening))
        {
            _reads.Enqueue(read);
        }

        _givenUp.AddRange(requests.Current.GivenUp);
    }
}
