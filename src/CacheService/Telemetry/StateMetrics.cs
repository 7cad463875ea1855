using System.Diagnostics.Metrics;
using CacheService.Auditing;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Jobs;
using CacheService.Metrics;
using CacheService.Rollup;
using CacheService.Watching;

namespace CacheService.Telemetry;

/// <summary>What the parts of the service say of themselves, as metrics: asked for when somebody measures, and at no other time. What is not known has no value.</summary>
internal sealed class StateMetrics : IDisposable
{
    private static readonly MetricTag<FeedState> State = new("state");

    // One for each service of the process, because it goes with the service; of the same name, so that it is one to whoever measures.
    private readonly Meter _meter = new(Instruments.MeterName);

    public StateMetrics(
        CountsStore store, FeedStatus feed, Drainer drainer, NotificationQueue queue, ChangeLogSize log, RollupStatus rollup, Auditor auditor, JobsStatus jobs, WatchHub watches)
    {
        Gauge("tweetcounts.counts.age", "s", "The age of the counts: the database may have begun to differ from them that long ago, and no longer.", () => store.Version is { } version ? feed.AgeOf(version).TotalSeconds : null);
        Gauge("tweetcounts.counts.messages", "{message}", "Messages in memory.", () => store.Version?.Messages);
        _meter.CreateObservableGauge("tweetcounts.feed.state", () => States(feed.Condition.State), "{state}", "How well the cache follows the database: 1 for the state that it is in, 0 for the others.");
        Gauge("tweetcounts.feed.ringer", "{cache}", "1 where this is the cache, of all those of its database, that writers wake and that tells the others; else 0.", () => feed.IsRinger ? 1 : 0);
        Gauge("tweetcounts.feed.listening", "{listener}", "1 where notifications arrive; 0: changes are found by heartbeats, as behind a pooler of connections.", () => feed.NotificationsWorking ? 1 : 0);
        Counter("tweetcounts.feed.bells", "{bell}", "How often a writer woke the cache.", () => feed.Bells);
        Gauge("tweetcounts.lease.remaining", "s", "For how long writers are known to go on recording changes for this cache. It is renewed six times in Feed:LeaseDuration; at 0 all counts have to be loaded afresh.", () => drainer.LeaseLeft?.TotalSeconds);
        Gauge("tweetcounts.notification_queue.usage", "1", "The used share of the server's notification queue, 0 to 1, as of the last look, six times in Feed:LeaseDuration. Full it fails commits that notify.", () => queue.Usage);
        Gauge("tweetcounts.change_log.rows", "{row}", "Rows of the change log, as the database's statistics have it.", () => log.Rows);
        Gauge("tweetcounts.change_log.size", "By", "What the change log takes on the database's disk, with its indexes, and with the room of deleted rows.", () => log.Bytes);
        Gauge("tweetcounts.rollup.age", "s", "How old the counts are that were written back to the database. Missing where there are none to be trusted.", () => rollup.Age?.TotalSeconds);
        Counter("tweetcounts.audit.differences", "{message}", "Messages whose counts an audit found to differ from the database.", () => auditor.Summary.Differences);
        UpDown("tweetcounts.jobs.running", "{run}", "Runs of jobs that are under way in this service.", () => jobs.Live);
        UpDown("tweetcounts.jobs.abandoned", "{run}", "Runs of jobs that did not end when they were told to, and go on in this service without effect. Restart it to be rid of them.", () => jobs.Abandoned);
        UpDown("tweetcounts.watch.subscriptions", "{subscription}", "Subscriptions that there are.", () => watches.Count);
        UpDown("tweetcounts.watch.messages", "{message}", "Messages that all subscriptions together watch, each as often as it is watched. A subscription of all counts as none.", () => watches.WatchedIds);
        Counter("tweetcounts.watch.deliveries", "{delivery}", "Messages that were sent to subscribers, heartbeats among them.", () => watches.Deliveries);
        Counter("tweetcounts.watch.counts", "{change}", "Counts and removals that were in them.", () => watches.DeliveredCounts);
        Counter("tweetcounts.watch.coalesced", "{change}", "Changes that subscribers were not told one by one, because a later one had replaced them before they could be sent.", () => watches.Coalesced);
        Counter("tweetcounts.watch.stuck", "{subscription}", "Subscriptions that were ended because their client did not read.", () => watches.StuckClients);
    }

    /// <summary>The tags that measurements have, by the names of their instruments.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<MetricTag>> Tags { get; } = new Dictionary<string, IReadOnlyList<MetricTag>> { ["tweetcounts.feed.state"] = [State] };

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<long>> States(FeedState now) => Enum.GetValues<FeedState>().Select(state => new Measurement<long>(state == now ? 1 : 0, State[state]));

    private void Gauge(string name, string unit, string description, Func<double?> look) =>
        _meter.CreateObservableGauge(name, () => look() is { } value ? [new Measurement<double>(value)] : (IEnumerable<Measurement<double>>)[], unit, description);

    private void Counter(string name, string unit, string description, Func<long> look) => _meter.CreateObservableCounter(name, look, unit, description);

    private void UpDown(string name, string unit, string description, Func<long> look) => _meter.CreateObservableUpDownCounter(name, look, unit, description);
}
