using CacheService.Concurrency;

namespace CacheService.Tests.Concurrency;

internal sealed class SingleFlightCacheTests
{
    [Test]
    public async Task Get_ByManyAtOnce_LoadsOnce()
    {
        using var cache = new SingleFlightCache<int, string>(10, TimeSpan.FromMinutes(1));
        var release = new TaskCompletionSource();
        var loads = 0;
        async Task<string> LoadAsync(int key, CancellationToken cancellationToken)
        {
            loads++;
            await release.Task;
            return $"value {key}";
        }

        var waiting = Enumerable.Range(0, 20).Select(_ => cache.GetAsync(7, LoadAsync, CancellationToken.None)).ToArray();
        release.SetResult();

        Assert.That(await Task.WhenAll(waiting), Has.All.EqualTo("value 7"));
        Assert.That(await cache.GetAsync(7, LoadAsync, CancellationToken.None), Is.EqualTo("value 7"));
        Assert.That(loads, Is.EqualTo(1));
    }

    [Test]
    public async Task Get_AfterAFailedLoad_LoadsAgain()
    {
        using var cache = new SingleFlightCache<int, string>(10, TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<TimeoutException>(() => cache.GetAsync(7, (_, _) => Task.FromException<string>(new TimeoutException()), CancellationToken.None));
        Assert.That(await cache.GetAsync(7, (_, _) => Task.FromResult("now"), CancellationToken.None), Is.EqualTo("now"));
    }

    [Test]
    public async Task Get_OfNull_IsNotKept()
    {
        using var cache = new SingleFlightCache<int, string?>(10, TimeSpan.FromMinutes(1));
        Assert.That(await cache.GetAsync(7, (_, _) => Task.FromResult<string?>(null), CancellationToken.None), Is.Null);
        Assert.That(await cache.GetAsync(7, (_, _) => Task.FromResult<string?>("now"), CancellationToken.None), Is.EqualTo("now"));
    }

    [Test]
    public async Task Get_GivenUpByOneCaller_GoesOnForTheOthers()
    {
        using var cache = new SingleFlightCache<int, string>(10, TimeSpan.FromMinutes(1));
        using var givesUp = new CancellationTokenSource();
        var release = new TaskCompletionSource<string>();
        var first = cache.GetAsync(7, (_, _) => release.Task, givesUp.Token);
        var second = cache.GetAsync(7, (_, _) => release.Task, CancellationToken.None);
        await givesUp.CancelAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => first);
        release.SetResult("value");
        Assert.That(await second, Is.EqualTo("value"));
    }

    [Test]
    public async Task Get_GivenUpByAll_IsGivenUpItself()
    {
        using var cache = new SingleFlightCache<int, string>(10, TimeSpan.FromMinutes(1));
        using var givesUp = new CancellationTokenSource();
        var given = new TaskCompletionSource();
        async Task<string> LoadAsync(int key, CancellationToken abandoned)
        {
            await using var ended = abandoned.Register(given.SetResult);
            await given.Task;
            throw new OperationCanceledException(abandoned);
        }

        var waiting = Enumerable.Range(0, 3).Select(_ => cache.GetAsync(7, LoadAsync, givesUp.Token)).ToArray();
        await givesUp.CancelAsync();
        foreach (var one in waiting)
        {
            await Assert.ThrowsAsync<TaskCanceledException>(() => one);
        }

        await given.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(await cache.GetAsync(7, (_, _) => Task.FromResult("later"), CancellationToken.None), Is.EqualTo("later"), "nobody is told of what others gave up");
    }
}
