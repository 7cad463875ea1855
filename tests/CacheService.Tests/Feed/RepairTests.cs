using CacheService.Counts;
using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class RepairTests
{
    private static readonly PgSnapshot First = PgSnapshot.Parse("10:10:");
    private static readonly PgSnapshot Second = PgSnapshot.Parse("20:20:");

    private readonly CountsStore _store = new(maxTombstones: 2);

    [SetUp]
    public void Load() => _store.Load([new CountedMessage(1, new MessageCounts(5, 6, 0)), new CountedMessage(2, default), new CountedMessage(3, default), new CountedMessage(4, default)], First, 7);

    [Test]
    public async Task ApplyTo_AfterLaterChanges_AddsTheSame()
    {
        var repair = new Repair(_store.Version!, [new CountChange(1, 1, -1, 0)]);
        _store.Apply([new CountChange(1, 10, 10, 0)], Second, 8);
        var before = _store.Version!;
        IReadOnlyList<long> told = [];
        _store.Changed += (_, changed) => told = changed;
        repair.TryApplyTo(_store);

        Assert.That(await repair.Applied, Is.EqualTo(1));
        Assert.That(Get(1), Is.EqualTo(new MessageCounts(16, 15, before.Revision + 1)));
        Assert.That(_store.Version, Is.EqualTo(before with { Revision = before.Revision + 1, IsCorrection = true }), "of the same snapshot, no older and no younger");
        Assert.That(told, Is.EqualTo(new[] { 1L }));

        _store.Apply([], before.Snapshot, 9);
        Assert.That(_store.Version!.IsCorrection, Is.False, "a drain that found nothing");
    }

    [Test]
    public async Task ApplyTo_OfDays_AddsThem()
    {
        var day = new DateOnly(2026, 11, 29);
        var load = _store.BeginLoad();
        load.Days = DailyCounts.Empty.Add([new DayCounts(day, 1, 0, 0, 0)]);
        _store.Load(load, First, 7);
        var repair = new Repair(_store.Version!, [], [new DayCounts(day, 1, 0, 2, 0)]);
        _store.Apply([], Second, 8, [new DayCounts(day, 10, 0, 0, 0)]);
        repair.TryApplyTo(_store);

        Assert.That(await repair.Applied, Is.Zero, "no message");
        Assert.That(_store.Version!.Days!.All(), Is.EqualTo(new DayCounts[] { new(day, 12, 0, 2, 0) }));
        Assert.That(_store.Version.IsCorrection);
    }

    [Test]
    public async Task ApplyTo_AfterALoad_IsDropped()
    {
        var repair = new Repair(_store.Version!, [new CountChange(1, 1, -1, 0)]);
        _store.Load([new CountedMessage(1, new MessageCounts(6, 5, 0))], Second, 8);
        repair.TryApplyTo(_store);

        Assert.That(await repair.Applied, Is.Zero);
        Assert.That((Get(1)!.Value.Retweets, Get(1)!.Value.Likes), Is.EqualTo((6, 5)));
    }

    [Test]
    public async Task ApplyTo_AMessageThatWentAndCameAgain_IsDropped()
    {
        var repair = new Repair(_store.Version!, [new CountChange(1, 1, -1, 0), new CountChange(4, 1, 0, 0)]);
        _store.Apply([new CountChange(1, -6, -5, -1)], Second, 8);
        _store.Apply([new CountChange(1, 2, 2, 1)], Second, 8);
        repair.TryApplyTo(_store);

        Assert.That(await repair.Applied, Is.EqualTo(1), "message 4");
        Assert.That((Get(1)!.Value.Retweets, Get(1)!.Value.Likes), Is.EqualTo((2, 2)), "begun anew, and so exact");
        Assert.That(Get(4)!.Value.Retweets, Is.EqualTo(1));
    }

    [Test]
    public async Task ApplyTo_AfterMoreMessagesWentThanAreRemembered_IsDropped()
    {
        var repair = new Repair(_store.Version!, [new CountChange(4, 1, -1, 0)]);
        _store.Apply([new CountChange(1, 0, 0, -1), new CountChange(2, 0, 0, -1), new CountChange(3, 0, 0, -1)], Second, 8);
        repair.TryApplyTo(_store);

        Assert.That(await repair.Applied, Is.Zero, "message 4 might have been one of them");
    }

    [Test]
    public async Task Withdraw_OfAPendingRepair_KeepsItFromBeingApplied()
    {
        var repairs = new Repairs();
        var repair = new Repair(_store.Version!, [new CountChange(1, 1, -1, 0)]);
        repairs.Submit(repair);
        Assert.That(repairs.Withdraw(repair), Is.True);
        repairs.TryApplyTo(_store);
        Assert.That(Get(1)!.Value.Retweets, Is.EqualTo(5));

        var second = new Repair(_store.Version!, [new CountChange(1, 1, -1, 0)]);
        repairs.Submit(second);
        repairs.TryApplyTo(_store);
        Assert.That(repairs.Withdraw(second), Is.False);
        Assert.That(await second.Applied, Is.EqualTo(1));
    }

    private MessageCounts? Get(long messageId)
    {
        _store.Read(messageId, out var counts);
        return counts;
    }
}
