using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using CacheService.Replication;
using Microsoft.Extensions.Options;
using NATS.Client.Core;
using NATS.Client.JetStream;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Replication;

/// <summary>Checkpoints in a real bucket, of chains that the tests make up.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class CheckpointsTests
{
    private string _name = null!;
    private Broker _broker = null!;
    private Checkpoints _checkpoints = null!;
    private NatsConnection _connection = null!;
    private NatsJSContext _jetStream = null!;

    [SetUp]
    public async Task Begin()
    {
        _name = ReplicationSetUp.NewName();
        _broker = ReplicationSetUp.NewBroker(_name);
        await _broker.PrepareAsync(CancellationToken.None);
        _checkpoints = new Checkpoints(_broker, Options.Create(new CountsOptions()), Options.Create(new LimitsOptions()));
        _connection = new NatsConnection(new NatsOpts { Url = ReplicationSetUp.Url });
        _jetStream = new NatsJSContext(_connection);
    }

    [TearDown]
    public async Task End()
    {
        await _connection.DisposeAsync();
        await _broker.DisposeAsync();
    }

    [Test]
    public async Task Load_BeginsAtTheLatestThatCanBeRead()
    {
        var written = new List<string>();
        for (var number = 1ul; number <= 3; number++)
        {
            await _broker.PublishAsync(new Frame { Chain = "chain", Number = number, Parts = 1 }, number - 1, CancellationToken.None);
            await WriteAsync("chain", number, sequence: number);
            written.Add((await _jetStream.ListCheckpointContentsAsync(_name)).Except(written).Single());
        }

        Assert.That((await _checkpoints.LoadAsync(CancellationToken.None))?.Number, Is.EqualTo(3));
        await _jetStream.OverwriteCheckpointAsync(_name, written[2]);
        Assert.That((await _checkpoints.LoadAsync(CancellationToken.None))?.Number, Is.EqualTo(2), "the one before");
        await _jetStream.OverwriteCheckpointAsync(_name, written[1]);
        await _jetStream.OverwriteCheckpointAsync(_name, written[0]);
        Assert.That(async () => await _checkpoints.LoadAsync(CancellationToken.None), Throws.TypeOf<Checkpoints.UnreadableException>(), "there is none to begin at");
    }

    [Test]
    public async Task CleanUp_LeavesTheLastTwo_AndWhatAnotherPublisherHasWrittenSince()
    {
        await WriteAsync("earlier", 7, sequence: 2);
        await WriteAsync("own", 1, sequence: 3);
        await WriteAsync("own", 2, sequence: 4);
        await WriteAsync("own", 3, sequence: 5);
        await WriteAsync("later", 0, sequence: 6);

        // By the publisher of the chain that has ended, which was frozen meanwhile, and by one that has written none.
        await _checkpoints.CleanUpAsync("own", CancellationToken.None);
        await _checkpoints.CleanUpAsync("none", CancellationToken.None);

        var left = await _broker.ListCheckpointsAsync(CancellationToken.None);
        Assert.That(left.Select(entry => entry.Name), Is.EquivalentTo(new[] { "own-2", "own-3", "later-0" }));
    }

    private async Task WriteAsync(string chain, ulong number, ulong sequence)
    {
        const string Snapshot = "10:10:";
        var (store, table) = (_checkpoints.NewStore(), new CountsTable());
        table.Set(1, new MessageCounts(5, 6, 7));
        store.Restore(table, new Tombstones(0), new CountsVersion(chain, 7, 1, PgSnapshot.Parse(Snapshot), 0));
        var header = new CheckpointHeader { Chain = chain, Number = number, Sequence = sequence, LogIdentity = "log", Snapshot = Snapshot };
        await _checkpoints.WriteAsync(new Chain(store, header), CancellationToken.None);
    }
}
