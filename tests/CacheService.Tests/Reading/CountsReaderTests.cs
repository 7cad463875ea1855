using CacheService.Counts;
using CacheService.Reading;

namespace CacheService.Tests.Reading;

internal sealed class CountsReaderTests
{
    private static readonly ReadTerms Strong = new(new ReadRequirement.Strong(), DateTime.UtcNow, CancellationToken.None);

    private ReadingFixture _service = null!;
    private CountsReader _reader = null!;

    [SetUp]
    public void SetUp()
    {
        _service = new ReadingFixture();
        _reader = _service.Get<CountsReader>();
    }

    [TearDown]
    public ValueTask TearDownAsync() => _service.DisposeAsync();

    [Test]
    public async Task Reads_BeforeTheFirstLoad_AreRefusedAndSayWhatTheFeedDoes()
    {
        foreach (var read in AllReads(1, default))
        {
            var refused = await RefusalOfAsync(read);
            Assert.That((refused.Refusal, refused.Message), Is.EqualTo((ReadRefusal.NotLoaded, "starting: connecting to the database; try again in a moment")));
        }
    }

    [Test]
    public async Task Reads_OfABadId_AreRefusedBeforeAnythingElse()
    {
        foreach (var read in AllReads(0, Strong))
        {
            Assert.That((await RefusalOfAsync(read)).Refusal, Is.EqualTo(ReadRefusal.BadRequest));
        }
    }

    [Test]
    public async Task ReadDays_OfARange_AreThoseOfTheVersion()
    {
        LoadDays(Enumerable.Range(0, 5000));
        var reading = await _reader.ReadDaysAsync("2026-01-02", "2026-01-03", default);
        Assert.That(reading.Days, Is.EqualTo(new DayCounts[] { new(new DateOnly(2026, 1, 2), 1, 0, 0, 0), new(new DateOnly(2026, 1, 3), 1, 0, 0, 0) }));
        Assert.That((reading.TimeZone, reading.Version), Is.EqualTo(("UTC", _service.Store.Version)));
        Assert.That((await _reader.ReadDaysAsync("", "2026-01-01", default)).Days, Has.Count.EqualTo(1));
        Assert.That((await _reader.ReadDaysAsync("2026-01-02", "2036-01-08", default)).Days, Has.Count.EqualTo(3659));
    }

    [TestCase("2026-01-02", "2026-01-01", "from is a later day than to")]
    [TestCase("", "", "5000 days with activity lie in this range; ask for at most 3660 at a time")]
    [TestCase("1", "", "from is no day")]
    [TestCase("", "1", "to is no day")]
    public async Task ReadDays_OfABadRange_IsRefusedInWords(string from, string to, string words)
    {
        LoadDays(Enumerable.Range(0, 5000));
        var refused = await RefusalOfAsync(() => _reader.ReadDaysAsync(from, to, default));
        Assert.That(refused.Refusal, Is.EqualTo(ReadRefusal.BadRequest));
        Assert.That(refused.Message, Does.StartWith(words));
    }

    [Test]
    public async Task ReadDays_WhereThereAreNoneOrFromTheDatabase_IsRefusedInWords()
    {
        _service.Load();
        var refused = await RefusalOfAsync(() => _reader.ReadDaysAsync("", "", default));
        Assert.That(refused.Refusal, Is.EqualTo(ReadRefusal.NoDays));
        Assert.That(refused.Message, Does.Contain("no column datetime").And.Contain("alter table"));
        refused = await RefusalOfAsync(() => _reader.ReadDaysAsync("", "", Strong with { FromDatabase = true }));
        Assert.That(refused.Refusal, Is.EqualTo(ReadRefusal.BadRequest));
    }

    [Test]
    public async Task Reads_WhoseDeadlineHasPassed_AreRefusedWithoutADrain()
    {
        _service.Load();
        foreach (var read in AllReads(1, Strong))
        {
            Assert.That((await RefusalOfAsync(read)).Refusal, Is.EqualTo(ReadRefusal.FeedUnavailable));
        }
    }

    [Test]
    public async Task ReadsOfOne_OfAnUnknownMessage_AreRefusedWithoutTheDatabase()
    {
        _service.Load();
        foreach (var read in ReadsOfOne(4, default))
        {
            var refused = await RefusalOfAsync(read);
            Assert.That((refused.Refusal, refused.Message), Is.EqualTo((ReadRefusal.NoSuchMessage, "there is no message 4")));
        }
    }

    [Test]
    public async Task Read_OfAMessage_IsItsCountsAndTheirVersion()
    {
        _service.Load();
        var reading = _reader.Read(2);
        Assert.That((reading.MessageId, reading.Counts.Retweets, reading.Counts.Likes), Is.EqualTo((2, 20, 2)));
        Assert.That(reading.Version, Is.SameAs(_service.Store.Version));
        Assert.That(await _reader.ReadAsync(2, default), Is.EqualTo(reading));
    }

    [Test]
    public async Task ReadMany_OfSome_HasThemInOrderAndTellsTheMissing()
    {
        _service.Load();
        using var reading = await _reader.ReadManyAsync([3, 4, 1], default);
        Assert.That(reading.MessageIds.ToArray(), Is.EqualTo(new[] { 3, 4, 1 }));
        Assert.That(reading.Counts.ToArray().Select(counts => counts?.Likes), Is.EqualTo(new long?[] { 3, null, 1 }));
        Assert.That(reading.Version, Is.SameAs(_service.Store.Version));
    }

    [Test]
    public async Task ReadMany_OfMoreThanTheLimit_IsRefused()
    {
        _service.Load();
        var refused = await RefusalOfAsync(async () => await _reader.ReadManyAsync([1, 2, 3, 1], default));
        Assert.That(refused.Refusal, Is.EqualTo(ReadRefusal.BadRequest));
    }

    [Test]
    public async Task ReadTop_OfSome_IsTheHighest([Values(0, 1, 2)] int limit)
    {
        _service.Load();
        var top = await _reader.ReadTopAsync(TopOrder.Likes, limit, CancellationToken.None);
        Assert.That(top.Messages.Select(message => message.MessageId), Is.EqualTo(new long[] { 3, 2 }.Take(limit == 0 ? 2 : limit)));
        Assert.That(top.Version, Is.SameAs(_service.Store.Version));
    }

    [Test]
    public async Task ReadTop_OfMoreThanTheLimit_IsRefused() =>
        Assert.That((await RefusalOfAsync(() => _reader.ReadTopAsync(TopOrder.Likes, 3, CancellationToken.None))).Refusal, Is.EqualTo(ReadRefusal.BadRequest));

    private void LoadDays(IEnumerable<int> days)
    {
        var load = _service.Store.BeginLoad();
        load.Days = DailyCounts.Empty.Add([.. days.Select(day => new DayCounts(new DateOnly(2026, 1, 1).AddDays(day), 1, 0, 0, 0))]);
        _service.Store.Load(load, PgSnapshot.Parse("100:100:"), TimeProvider.System.GetTimestamp());
    }

    private static async Task<ReadRefusedException> RefusalOfAsync(Func<Task> read) => (await Assert.ThrowsAsync<ReadRefusedException>(read))!;

    private IEnumerable<Func<Task>> AllReads(long messageId, ReadTerms terms) => ReadsOfOne(messageId, terms).Append(async () => await _reader.ReadManyAsync([messageId], terms));

    // A read that asks for nothing takes the short way.
    private IEnumerable<Func<Task>> ReadsOfOne(long messageId, ReadTerms terms) =>
    [
        terms == default ? () => Task.FromResult(_reader.Read(messageId)) : () => _reader.ReadAsync(messageId, terms),
        () => _reader.ReadAsync(messageId, terms),
        () => _reader.ReadMessageAsync(messageId, terms, CancellationToken.None),
    ];
}
