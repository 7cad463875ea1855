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
