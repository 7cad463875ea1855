using CacheService.Counts;
using CacheService.Replication;
using Microsoft.Extensions.Logging.Abstractions;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Replication;

/// <summary>Frames on their way into a real stream, and to followers that ask for them.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class OutboxTests
{
    private const int MostBytes = 512 * 1024;

    private Broker _broker = null!;
    private Outbox _outbox = null!;

    [SetUp]
    public async Task Begin()
    {
        _broker = ReplicationSetUp.NewBroker(ReplicationSetUp.NewName());
        await _broker.PrepareAsync(CancellationToken.None);
        _outbox = new Outbox(_broker, sequence: 0, number: 0, Mark, TimeProvider.System, NullLogger.Instance);
    }

    [TearDown]
    public async Task End()
    {
        _outbox.Dispose();
        await _broker.DisposeAsync();
    }

    [Test]
    public async Task From_HasWholeFramesFromANumberOn_OrNone()
    {
        _outbox.Add(Parts(1), Mark);
        _outbox.Add(Parts(2, parts: 2), Mark);
        await _outbox.SendWaitingAsync(CancellationToken.None);
        _outbox.Add(Parts(3), Mark);

        Assert.That(NumbersFrom(1), Is.EqualTo(new[] { 1, 2, 2, 3 }), "also those that the stream has");
        Assert.That(NumbersFrom(3), Is.EqualTo(new[] { 3 }));
        Assert.That(NumbersFrom(4), Is.Empty);
        Assert.That(NumbersFrom(0), Is.Empty, "those after it are of no use without it");
    }

    [Test]
    public void From_HasLittleAtATime_OrOneFrame()
    {
        _outbox.Add(Parts(1, bytes: 30_000), Mark);
        _outbox.Add(Parts(2, bytes: 30_000), Mark);
        _outbox.Add(Parts(3, bytes: 100_000), Mark);
        _outbox.Add(Parts(4, bytes: MostBytes), Mark);

        Assert.That(NumbersFrom(1), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(NumbersFrom(3), Is.EqualTo(new[] { 3 }));
        Assert.That(NumbersFrom(4), Is.Empty, "it is too large");
    }

    [Test]
    public async Task Frame_ThatTheStreamHasUnnoticed_IsNotPutThereAgain()
    {
        // Whoever sent it was not told.
        await _broker.PublishAsync(Parts(1).Single(), after: 0, CancellationToken.None);
        _outbox.Add(Parts(1), Mark);
        _outbox.Add(Parts(2), Mark);
        await _outbox.SendWaitingAsync(CancellationToken.None);

        var end = await _broker.ReadEndAsync(CancellationToken.None);
        Assert.That((end!.Last, end.Frame!.Number), Is.EqualTo((2ul, 2ul)));
    }

    [Test]
    public async Task Frame_WhereAnotherPublisherHasGoneOn_IsRefused()
    {
        var others = Parts(1).Single();
        others.Tenure = 7;
        await _broker.PublishAsync(others, after: 0, CancellationToken.None);
        _outbox.Add(Parts(1), Mark);

        await Assert.ThrowsAsync<FencedException>(() => _outbox.SendWaitingAsync(CancellationToken.None));
        Assert.That((await _broker.ReadEndAsync(CancellationToken.None))!.Last, Is.EqualTo(1));
    }

    private static DrainMark Mark { get; } = new(0, new CountsVersion("", 0, 0, PgSnapshot.Parse("10:10:"), 0));

    private IEnumerable<int> NumbersFrom(ulong number) => _outbox.From(number, MostBytes).Select(part => (int)part.Number);

    private static List<Frame> Parts(ulong number, int parts = 1, int bytes = 0) =>
        [.. Enumerable.Range(0, parts).Select(part => new Frame { Chain = "chain", Number = number, Part = (uint)part, Parts = (uint)parts, LogIdentity = new string('x', bytes) })];
}
