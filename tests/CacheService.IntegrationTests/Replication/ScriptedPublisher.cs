using CacheService.Counts;
using CacheService.Feed;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Reading;
using CacheService.Replication;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using NATS.Client.Core;
using NATS.Client.JetStream;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Replication;

/// <summary>Publishes a chain of one message, by the same messages as a service does, and answers what a test tells it to.</summary>
internal sealed class ScriptedPublisher : IAsyncDisposable
{
    /// <summary>The tenure of its frames.</summary>
    public const ulong Tenure = 2ul << 32;

    /// <summary>The message.</summary>
    public const long MessageId = 1;

    private const string ChainName = "scripted";

    private readonly string _name;
    private readonly Broker _broker;
    private readonly NatsConnection _connection;
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _answering;
    private int _answered;

    private ScriptedPublisher(string url, string name)
    {
        (_name, _broker, _connection) = (name, ReplicationSetUp.NewBroker(new NatsOptions { Url = url, Name = name, MaxMegabytes = 32 }), new NatsConnection(new NatsOpts { Url = url }));
        _answering = AnswerAsync();
    }

    /// <summary>What it says of its counts.</summary>
    public Answer Says { get; set; } = Of(First);

    /// <summary>The first frame, which the stream has.</summary>
    public static Frame First { get; } = new() { Chain = ChainName, Tenure = Tenure, Number = 1, Parts = 1, SnapshotBefore = "10:10:", Snapshot = "11:11:", Revision = 2, LogIdentity = "log", Counts = Retweets(1) };

    /// <summary>Writes a checkpoint and the first frame.</summary>
    public static async Task<ScriptedPublisher> StartAsync(string url, string name)
    {
        var publisher = new ScriptedPublisher(url, name);
        await publisher._broker.PrepareAsync(CancellationToken.None);
        var checkpoints = new Checkpoints(publisher._broker, Options.Create(new CountsOptions()), Options.Create(new LimitsOptions()));
        var (store, table) = (checkpoints.NewStore(), new CountsTable());
        table.Set(MessageId, new CacheService.Counts.MessageCounts(0, 0, 1));
        store.Restore(table, new Tombstones(0), new CountsVersion(ChainName, 1, 1, PgSnapshot.Parse(First.SnapshotBefore), 0));
        var header = new CheckpointHeader { Chain = ChainName, Tenure = Tenure, LogIdentity = First.LogIdentity, Snapshot = First.SnapshotBefore };
        await checkpoints.WriteAsync(new Chain(store, header), CancellationToken.None);
        await publisher.PublishAsync(First);
        return publisher;
    }

    /// <summary>The frame after another one, with a retweet more.</summary>
    public static Frame After(Frame frame) => new(frame)
    {
        Number = frame.Number + 1,
        Revision = frame.Revision + 1,
        SnapshotBefore = frame.Snapshot,
        Snapshot = $"{frame.Number + 11}:{frame.Number + 11}:",
        Counts = Retweets(frame.Counts.Retweets[0] + 1),
    };

    /// <summary>The answer that a frame has all that has been committed.</summary>
    public static Answer Of(Frame frame) => new() { Chain = ChainName, Tenure = frame.Tenure, Number = frame.Number, Snapshot = frame.Snapshot };

    /// <summary>Puts a frame at the end of the stream.</summary>
    public async Task PublishAsync(Frame frame) => (await new NatsJSContext(_connection).PublishAsync($"{_name}.frames", frame.ToByteArray())).EnsureSuccess();

    /// <summary>Waits until it has said a few times what it says by now.</summary>
    public Task WaitUntilSaidAsync()
    {
        const int Few = 5;
        var before = Volatile.Read(ref _answered);
        return Wait.UntilAsync(() => Volatile.Read(ref _answered) >= before + Few, RunningService.Patience, "it is asked, and answers");
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _answering;
        await _connection.DisposeAsync();
        await _broker.DisposeAsync();
        _ending.Dispose();
    }

    private static CountColumns Retweets(long retweets) => new() { MessageIds = { MessageId }, Retweets = { retweets }, Likes = { 0 } };

    private async Task AnswerAsync()
    {
        try
        {
            await foreach (var asked in _broker.ListenAsync(_ending.Token))
            {
                try
                {
                    await asked.ReplyAsync(Says);
                    Interlocked.Increment(ref _answered);
                }
                catch (Exception e) when (e is NatsException or TimeoutException)
                {
                    // The connection has just gone. Who asked, asks again.
                }
            }
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            // As it is told.
        }
    }
}
