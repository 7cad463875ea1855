using System.Diagnostics.Metrics;
using Grpc.Core;

namespace CacheService.Metrics;

/// <summary>
/// What the service measures where it happens, for all of the process. What can be asked for at any time, such as an age, is not here but observed
/// (<c>Telemetry.StateMetrics</c>). No tag has more values than its enum: never an id, an address or a text.
/// </summary>
internal static class Instruments
{
    /// <summary>The name of the meter, and of the source of traces.</summary>
    public const string MeterName = "CacheService";

    private static readonly Meter Meter = new(MeterName);
    private static readonly MetricTag<ReadMethod> Method = new("method");
    private static readonly MetricTag<ReloadCause> Cause = new("reason");
    private static readonly MetricTag<StatusCode> Code = new("code");
    private static readonly MetricTag<RunOutcome> Outcome = new("outcome");

    // From what a drain costs at best, on the same machine, to the default of Feed:DrainTimeout.
    private static readonly InstrumentAdvice<double> Short = new() { HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] };
    private static readonly InstrumentAdvice<double> Long = new() { HistogramBucketBoundaries = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600] };

    /// <summary>What a read asks for.</summary>
    public static MetricTag<ReadKind> Requirement { get; } = new("requirement");

    /// <summary>What a load reads.</summary>
    public static MetricTag<LoadSource> Source { get; } = new("source");

    /// <summary>Reads.</summary>
    public static ReadTally Reads { get; } = new(
        Meter, "tweetcounts.reads", "{read}", "Reads that were asked for, whether they were answered or refused, over all protocols.", Method, Requirement);

    /// <summary>How long reads waited.</summary>
    public static Histogram<double> ReadWaits { get; } = Meter.CreateHistogram(
        "tweetcounts.read.wait.duration", "s", "How long reads waited for a drain, or for the transaction that they ask for, until they were answered or refused. Reads that need not wait are not in it.", advice: Short);

    /// <summary>Calls that failed.</summary>
    public static Tally<StatusCode> CallErrors { get; } = new(
        Meter, "tweetcounts.call.errors", "{call}", "Calls that failed or were refused, over all protocols, by gRPC's code. A watch that ends is none.", Code);

    /// <summary>Drains.</summary>
    public static Histogram<double> Drains { get; } = Meter.CreateHistogram(
        "tweetcounts.feed.drain.duration", "s", "How long drains took that were applied, from before they were sent until the counts had changed.", advice: Short);

    /// <summary>Changes that drains brought.</summary>
    public static Tally Changes { get; } = new(Meter, "tweetcounts.feed.changes", "{change}", "Changes that drains brought: a message whose counts one drain changed is one.");

    /// <summary>Times that the cache fell asleep.</summary>
    public static Tally Sleeps { get; } = new(Meter, "tweetcounts.feed.sleeps", "{sleep}", "How often the cache fell asleep, so that writers ring.");

    /// <summary>Sessions that broke.</summary>
    public static Tally Reconnects { get; } = new(
        Meter, "tweetcounts.feed.reconnects", "{attempt}", "How often the session with the database broke, or could not be opened, and another was to be opened.");

    /// <summary>Loads that became necessary.</summary>
    public static Tally<ReloadCause> Reloads { get; } = new(
        Meter, "tweetcounts.feed.reloads", "{reload}", "How often it was found that all counts had to be loaded afresh. The load at the start is none.", Cause);

    /// <summary>Loads.</summary>
    public static Histogram<double> Loads { get; } = Meter.CreateHistogram("tweetcounts.feed.load.duration", "s", "How long loads of all counts took.", advice: Long);

    /// <summary>Audits.</summary>
    public static Histogram<double> Audits { get; } = Meter.CreateHistogram("tweetcounts.audit.duration", "s", "How long audits took that came to their end, pauses included.", advice: Long);

    /// <summary>Runs of jobs that ended.</summary>
    public static Tally<RunOutcome> JobRuns { get; } = new(
        Meter, "tweetcounts.jobs.runs", "{run}", "Runs of jobs that ended, or did not begin, by how. Skipped slots that follow one another are one.", Outcome);

    /// <summary>How long runs took.</summary>
    public static Histogram<double> JobDurations { get; } = Meter.CreateHistogram("tweetcounts.jobs.run.duration", "s", "How long runs of jobs took that ended here, whatever came of them.", advice: Long);

    /// <summary>The tags that measurements have, by the names of their instruments.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<MetricTag>> Tags { get; } = new Dictionary<string, IReadOnlyList<MetricTag>>
    {
        ["tweetcounts.reads"] = [Method, Requirement],
        ["tweetcounts.call.errors"] = [Code],
        ["tweetcounts.jobs.runs"] = [Outcome],
        [ReadWaits.Name] = [Requirement],
        ["tweetcounts.feed.reloads"] = [Cause],
        [Loads.Name] = [Source],
    };
}
