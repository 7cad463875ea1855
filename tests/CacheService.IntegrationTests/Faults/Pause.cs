namespace CacheService.IntegrationTests.Faults;

/// <summary>How long a fault lasts: time has to pass, and there is nothing to wait for.</summary>
internal static class Pause
{
    public static async Task ForAsync(TimeSpan duration)
    {
        using var timer = new PeriodicTimer(duration);
        await timer.WaitForNextTickAsync();
    }
}
