using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;

namespace CacheService.Tests.Reading;

/// <summary>The gate against drains that the test begins and ends.</summary>
internal sealed class ReadGateTests
{
    private const ulong Xid = 100;

    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);
    private static readonly ReadRequirement Strong = new ReadRequirement.Strong();

    private ReadingFixture _service = null!;
    private DrainRequests _requests = null!;

    [SetUp]
    public void SetUp()
    {
        _service = new ReadingFixture();
        _requests = _service.Get<DrainRequests>();
    }

    [TearDown]
    public ValueTask TearDownAsync() => _service.DisposeAsync();

    [Test]
    public async Task MaxAge_OfYoungerCounts_AsksForNoDrain()
    {
        _service.Load();
        await Gate().PassAsync(new ReadRequirement.MaxAge(TimeSpan.FromHours(1)), Long, CancellationToken.None);
        _requests.BeginDrain(out var isAsked);
        Assert.That(isAsked, Is.False);
    }

    [Test]
    public async Task MaxAge_OfOlderCounts_WaitsForADrain()
    {
        _service.Load(age: TimeSpan.FromMinutes(2));
        var passing = Gate().PassAsync(new ReadRequirement.MaxAge(TimeSpan.FromMinutes(1)), Long, CancellationToken.None);
        Assert.That(passing.IsCompleted, Is.False);
        _requests.BeginDrain(out _).SetResult(true);
        await passing;
    }

    [Test]
    public async Task Strong_WhileADrainIsUnderWay_WaitsForTheNext()
    {
        _service.Load();
        var underWay = _requests.BeginDrain(out _);
        var passing = Gate().PassAsync(Strong, Long, CancellationToken.None);
        underWay.SetResult(true);
        var next = _requests.BeginDrain(out var isAsked);
        Assert.That((isAsked, passing.IsCompleted), Is.EqualTo((true, false)));
        next.SetResult(true);
        await passing;
    }

    [Test]
    public async Task Strong_WhoseDrainFails_EndsInUnavailable()
    {
        _service.Load();
        var passing = Gate().PassAsync(Strong, TimeSpan.FromMilliseconds(100), CancellationToken.None);
        _requests.BeginDrain(out _).SetResult(false);
        await AssertRefusedAsync(passing, ReadRefusal.FeedUnavailable);
    }

    [Test]
    public async Task AtLeastXid_ThatMemoryKnows_WaitsForADrainAllTheSame()
    {
        _service.Load();
        var passing = Gate().PassAsync(new ReadRequirement.AtLeastXid(Xid - 1), Long, CancellationToken.None);
        Assert.That(passing.IsCompleted, Is.False);
        _requests.BeginDrain(out _).SetResult(true);
        await passing;
    }

    [Test]
    public async Task AtLeastXid_ThatTheDrainBrings_Passes()
    {
        _service.Load();
        var passing = Gate(isAssigned: false).PassAsync(new ReadRequirement.AtLeastXid(Xid), Long, CancellationToken.None);
        var drain = _requests.BeginDrain(out _);
        _service.Store.Apply([], PgSnapshot.Parse("101:101:"), TimeProvider.System.GetTimestamp());
        drain.SetResult(true);
        await passing;
    }

    [Test]
    public async Task AtLeastXid_ThatWasNeverAssigned_IsRefusedAfterOneDrain()
    {
        _service.Load();
        var passing = Gate(isAssigned: false).PassAsync(new ReadRequirement.AtLeastXid(Xid), Long, CancellationToken.None);
        _requests.BeginDrain(out _).SetResult(true);
        await AssertRefusedAsync(passing, ReadRefusal.TransactionNeverAssigned);
    }

    [Test]
    public async Task Strong_WhoseReaderGivesUp_IsCancelled()
    {
        _service.Load();
        using var cancelling = new CancellationTokenSource();
        var passing = Gate().PassAsync(Strong, Long, cancelling.Token);
        await cancelling.CancelAsync();
        Assert.That(async () => await passing, Throws.InstanceOf<OperationCanceledException>());
    }

    private ReadGate Gate(bool isAssigned = true) => new(_service.Store, _service.Get<FeedStatus>(), _requests, new TransactionIds(isAssigned), TimeProvider.System);

    private static async Task AssertRefusedAsync(Task passing, ReadRefusal refusal)
    {
        try
        {
            await passing;
            Assert.Fail($"passed instead of {refusal}");
        }
        catch (ReadRefusedException e)
        {
            Assert.That(e.Refusal, Is.EqualTo(refusal));
        }
    }

    private sealed class TransactionIds(bool areAssigned) : ITransactionIds
    {
        public Task<bool> IsAssignedAsync(ulong xid, CancellationToken cancellationToken) => Task.FromResult(areAssigned);
    }
}
