namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Lets time pass where it is the time that matters, as with a fault that lasts: there is nothing to wait for.</summary>
internal static class Pause
{
    public static async Task ForAsync(TimeSpan duration)
    {
        using var timer = new PeriodicTimer(duration);
        await timer.WaitForNextTickAsync();
    }
}
