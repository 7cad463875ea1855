using System.Diagnostics;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>The one place where tests wait by polling. Prefer a signal where the code offers one.</summary>
internal static class Wait
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    /// <summary>Returns as soon as the condition holds.</summary>
    /// <exception cref="TimeoutException">It does not within the timeout; the message names <paramref name="what"/>.</exception>
    public static Task UntilAsync(Func<bool> condition, TimeSpan timeout, string what) =>
        UntilAsync(() => Task.FromResult(condition()), timeout, what);

    /// <inheritdoc cref="UntilAsync(Func{bool}, TimeSpan, string)"/>
    public static async Task UntilAsync(Func<Task<bool>> condition, TimeSpan timeout, string what)
    {
        var start = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(start) > timeout)
                throw new TimeoutException($"Waited {timeout.TotalSeconds:0.#} seconds in vain until {what}.");

            await Task.Delay(Interval);
        }
    }
}
