using System.Diagnostics;

namespace CacheService.Metrics;

/// <summary>The spans of traces: what takes long enough to be looked for. Where nobody listens there are none.</summary>
internal static class Spans
{
    private static readonly ActivitySource Source = new(Instruments.MeterName);

    /// <summary>Begins one, within the call that it is for, if there is one.</summary>
    /// <param name="name">What it is.</param>
    /// <returns>To be disposed of at its end; null where nobody listens.</returns>
    public static Activity? Begin(string name) => Source.StartActivity(name);

    /// <summary>It ended in an error.</summary>
    public static void Fail(this Activity? span, Exception error) => span?.SetStatus(ActivityStatusCode.Error, error.GetType().Name);
}
