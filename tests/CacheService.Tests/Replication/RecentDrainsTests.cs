using CacheService.Counts;
using CacheService.Replication;

namespace CacheService.Tests.Replication;

internal sealed class RecentDrainsTests
{
    private static readonly DateOnly Day = new(2026, 11, 29);

    private CountsStore _store = null!;
    private RecentDrains _drains = null!;

    [SetUp]
    public void Begin()
    {
        _store = new CountsStore(10);
        _drains = new RecentDrains(_store);
    }

    [TearDown]
    public void Dispose() => _drains.Dispose();

    [Test]
    public void Since_AVersion_HasWhatCameAfterIt_AsItIsNow()
    {
        Load("10:10:", (1, 5), (2, 6));
        Drain("20:20:", new CountChange(1, 1, 0, 0));
        var mark = _drains.Latest!;
        Drain("30:30:", new CountChange(2, 1, 0, 0), new CountChange(3, 4, 0, 1));
        Drain("40:40:", new CountChange(3, 0, 0, -1), new CountChange(2, 1, 0, 0));

        var sum = _drains.Since(mark)!;
        Assert.That(sum.Version, Is.EqualTo(_store.Version));
        Assert.That(sum.Counts.Keys, Is.EquivalentTo(new[] { 2L, 3L }));
        Assert.That(sum.Counts[2]!.Value.Retweets, Is.EqualTo(8));
        Assert.That(sum.Counts[3], Is.Null, "it went");
    }

    [Test]
    public void Since_AVersionOfBeforeALoad_IsUnknown()
    {
        Load("10:10:", (1, 5));
        var mark = _drains.Latest!;
        Load("20:20:", (1, 5));
        Assert.That(_drains.Since(mark), Is.Null);
    }

    [Test]
    public void SinceOneIncludedIn_ASnapshot_BeginsBehindTheLastThatItIncludes()
    {
        Load("10:10:", (1, 5), (2, 6));
        Drain("20:20:", new CountChange(1, 1, 0, 0));
        Drain("30:30:", new CountChange(2, 1, 0, 0));
        // 25 was in progress there, and has ended here.
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("25:31:25"))!.Counts.Keys, Is.EquivalentTo(new[] { 2L }));
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("30:30:"))!.Counts, Is.Empty);
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("12:12:"))!.Counts.Keys, Is.EquivalentTo(new[] { 1L, 2L }));
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("9:9:")), Is.Null, "not even the load is included");
    }

    [Test]
    public void SinceOneIncludedIn_ASnapshotBetweenWhatWasDoneAndUndone_HasIt()
    {
        Load("10:10:", (1, 5));
        // 12 has liked, 13 has taken it back, and this cache drained only then; the snapshot has 12 alone.
        Drain("20:20:", new CountChange(1, 0, 0, 0));
        var sum = _drains.SinceOneIncludedIn(PgSnapshot.Parse("13:20:13"))!;
        Assert.That(sum.Counts.Keys, Is.EqualTo(new[] { 1L }));
        Assert.That(sum.HasAllDays, "days that came to nothing are not told apart");
    }

    [Test]
    public void SinceOneIncludedIn_AfterACorrection_HasThatAndWhatCameLater()
    {
        Load("10:10:", (1, 5), (2, 6), (3, 7));
        Drain("20:20:", new CountChange(1, 1, 0, 0));
        _store.Correct([new CountChange(2, 1, 0, 0)], null);
        Drain("30:30:", new CountChange(3, 1, 0, 0));
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("40:40:"))!.Counts.Keys, Is.EquivalentTo(new[] { 2L, 3L }));
    }

    [Test]
    public void SinceOneIncludedIn_AfterADrainThatFoundNothing_TakesTheNextForNoCorrection()
    {
        Load("10:10:", (1, 5), (2, 6));
        Drain("20:20:", new CountChange(1, 1, 0, 0));
        _store.Apply([], _store.Version!.Snapshot, 2);
        // Another database under the same name may have other rows at a snapshot that looks the same.
        _store.Apply([new CountChange(2, 1, 0, 0)], _store.Version!.Snapshot, 3);
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("40:40:"))!.Counts, Is.Empty);
    }

    [Test]
    public void Since_Days_AreAbsolute()
    {
        var load = _store.BeginLoad();
        load.Add(1, 0, 0);
        load.Days = DailyCounts.Empty.Add([new DayCounts(Day, 7, 0, 0, 0)]);
        _store.Load(load, PgSnapshot.Parse("10:10:"), 1);
        var mark = _drains.Latest!;
        _store.Apply([new CountChange(1, 2, 0, 0)], PgSnapshot.Parse("20:20:"), 2, [new DayCounts(Day, 2, 0, 0, 0)]);
        Assert.That(_drains.Since(mark)!.Days.Values, Is.EqualTo(new[] { new DayCounts(Day, 9, 0, 0, 0) }));
    }

    [Test]
    public void Since_MoreDrainsThanAreRemembered_IsUnknown()
    {
        Load("10:10:", (1, 0));
        var mark = _drains.Latest!;
        for (var n = 0; n < 65_537; n++)
        {
            Drain($"{n + 20}:{n + 20}:", new CountChange(1, 1, 0, 0));
        }

        Assert.That(_drains.Since(mark), Is.Null);
        Assert.That(_drains.Since(_drains.Latest!)!.IsEmpty);
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("65000:65000:"))!.Counts.Keys, Is.EqualTo(new[] { 1L }));
    }

    [Test]
    public void SinceOneIncludedIn_AnEnormousDrain_IsKnown()
    {
        const int Many = 500_001;
        Load("10:10:", (1, 0));
        Drain("11:11:", new CountChange(1, 1, 0, 0));
        Drain("12:12:", [.. Enumerable.Range(2, Many).Select(id => new CountChange(id, 0, 0, 1))]);
        Drain("13:13:", new CountChange(1, 1, 0, 0));
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("11:11:"))!.Counts, Has.Count.EqualTo(Many + 1));
        Drain("14:14:", [.. Enumerable.Range(2, Many).Select(id => new CountChange(id, 1, 0, 0))]);
        Drain("15:15:", new CountChange(1, 1, 0, 0));
        Assert.That(_drains.SinceOneIncludedIn(PgSnapshot.Parse("11:11:")), Is.Null, "two of them are too many");
    }

    private void Load(string snapshot, params (long Id, long Retweets)[] messages) =>
        _store.Load(messages.Select(message => new CountedMessage(message.Id, new MessageCounts(message.Retweets, 0, 1))), PgSnapshot.Parse(snapshot), 1);

    private void Drain(string snapshot, params CountChange[] changes) => _store.Apply(changes, PgSnapshot.Parse(snapshot), 2);
}
