using System.Diagnostics;
using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Grpc.Core;

namespace CacheService.IntegrationTests.Client;

/// <summary>The library against the whole service on a real database.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
public sealed class RealServiceTests
{
    private TestDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase() => _database = await TestDatabase.CreateAsync();

    [TearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Mirror_AfterWrites_EqualsTheView()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString);
        await _database.AddMessagesAsync(20);
        using var client = ClientOf(service.GrpcAddress);
        await using var all = client.StartMirror(WatchOptions.All);
        await using var some = client.StartMirror(WatchOptions.Of(2, 3, 21));
        await Task.WhenAll(all.WaitUntilSyncedAsync(), some.WaitUntilSyncedAsync());

        await WriteAsync(7);
        await _database.ExecuteAsync("delete from tweet.message where messageid = 3");
        await _database.AddMessagesAsync(1);

        await UntilEqualsViewAsync(all);
        await UntilEqualsViewAsync(some, 2, 3, 21);
        Assert.That(all.Age, Is.LessThan(TimeSpan.FromSeconds(10)));
    }

    [Test]
    public async Task CachesAndHistory_OfARealService_AreRead()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString);
        await using var other = await RunningService.StartAsync(_database.ConnectionString);
        using var client = ClientOf(service.GrpcAddress);
        IReadOnlyList<RegisteredCache> caches = [];
        await Wait.UntilAsync(async () => (caches = await client.ListCachesAsync()).Count(cache => cache.IsLoaded) == 2, RunningService.Patience, "both caches are registered and loaded");
        Assert.That(caches.Single(cache => cache.IsSelf).Name, Is.EqualTo(service.Status.Consumer));
        Assert.That(caches.Single(cache => !cache.IsSelf).Name, Is.EqualTo(other.Status.Consumer));
        Assert.That(caches.Select(cache => cache.Heard), Has.All.LessThan(TimeSpan.FromMinutes(1)));

        await Wait.UntilAsync(async () => (await client.GetHistoryAsync(TimeSpan.FromMinutes(1))).Any(sample => sample is { State: FeedState.Live, Age: not null, Drains: > 0 }), RunningService.Patience, "there is a history");
    }

    [Test]
    public async Task Mirrors_MoreThanOneConnectionTakes_AreAllServedAndReadsToo()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Limits:MaxStreamsPerConnection=3");
        await _database.AddMessagesAsync(20);
        using var client = ClientOf(service.GrpcAddress);
        var mirrors = Enumerable.Range(0, 20).Select(_ => client.StartMirror(WatchOptions.All)).ToList();
        await Task.WhenAll(mirrors.Select(mirror => mirror.WaitUntilSyncedAsync()));
        await WriteAsync(7);
        foreach (var mirror in mirrors)
        {
            await UntilEqualsViewAsync(mirror);
        }

        await Wait.UntilAsync(
            async () => (await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.GetStatusAsync()))).All(status => status.Watchers == 20), RunningService.Patience, "each mirror is a watcher");
        foreach (var mirror in mirrors)
        {
            await mirror.DisposeAsync();
        }
    }

    [Test]
    public async Task Mirror_ServiceStoppedAndStartedAgain_EqualsTheView()
    {
        var address = new Uri($"http://127.0.0.1:{LoopbackPort.ChooseNew()}");
        var service = await RunningService.StartAsync(_database.ConnectionString, $"--Kestrel:Endpoints:Grpc:Url={address}");
        await _database.AddMessagesAsync(20);
        using var client = ClientOf(address);
        await using var mirror = client.StartMirror(WatchOptions.All);
        await UntilEqualsViewAsync(mirror);

        await service.DisposeAsync();
        await Wait.UntilAsync(() => mirror.State == MirrorState.Stale, RunningService.Patience, "the mirror knows that the service is away");
        await WriteAsync(3);
        await _database.ExecuteAsync("delete from tweet.message where messageid = 4");
        await using var again = await RunningService.StartAsync(_database.ConnectionString, $"--Kestrel:Endpoints:Grpc:Url={address}");
        await WriteAsync(5);

        await UntilEqualsViewAsync(mirror);
    }

    [Test]
    public async Task Mirror_OneOfTwoServicesKilled_EqualsTheView()
    {
        var address = new Uri($"http://127.0.0.1:{LoopbackPort.ChooseNew()}");
        await using var first = ServiceProcess.Start($"--ConnectionStrings:Postgres={_database.ConnectionString}", $"--Kestrel:Endpoints:Grpc:Url={address}");
        using var client = ClientOf(address);
        await Wait.UntilAsync(async () => await StateOfAsync(client) == FeedState.Live, RunningService.Patience, "the first service is LIVE");
        await using var second = await RunningService.StartAsync(_database.ConnectionString);
        await _database.AddMessagesAsync(20);

        // As many mirrors as it takes for some to be at either service.
        using var both = ClientOf(address, second.GrpcAddress);
        var mirrors = Enumerable.Range(0, 8).Select(_ => both.StartMirror(WatchOptions.All)).ToArray();
        foreach (var mirror in mirrors)
        {
            await UntilEqualsViewAsync(mirror);
        }

        using (var process = Process.GetProcessById(first.Id))
        {
            process.Kill();
        }

        for (var step = 1; step <= 5; step++)
        {
            await WriteAsync(step);
            await both.GetCountsAsync(step);
        }

        await _database.ExecuteAsync("delete from tweet.message where messageid = 4");
        foreach (var mirror in mirrors)
        {
            await UntilEqualsViewAsync(mirror);
            await mirror.DisposeAsync();
        }
    }

    private static async Task<FeedState> StateOfAsync(TweetCountsClient client)
    {
        try
        {
            return (await client.GetStatusAsync()).State;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
        {
            return FeedState.Unknown;
        }
    }

    private static TweetCountsClient ClientOf(params Uri[] services) =>
        new(new TweetCountsClientOptions { Addresses = [.. services], MaxBackoff = TimeSpan.FromMilliseconds(250), WatchHeartbeat = TimeSpan.FromSeconds(1) });

    private Task WriteAsync(int step) => _database.ExecuteAsync(
        $"insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message where messageid % {step} = 0");

    private async Task UntilEqualsViewAsync(CountsMirror mirror, params long[] messageIds)
    {
        var expected = await _database.ReadViewAsync();
        await Wait.UntilAsync(
            () => mirror.State == MirrorState.Live && mirror.ToDictionary(c => c.MessageId, c => (c.Retweets, c.Likes)).OrderBy(c => c.Key).SequenceEqual(
                expected.Where(c => messageIds.Length == 0 || messageIds.Contains(c.Key)).OrderBy(c => c.Key)),
            RunningService.Patience,
            "the mirror equals the view");
    }
}
