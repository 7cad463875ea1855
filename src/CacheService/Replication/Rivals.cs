using CacheService.Feed;
using Microsoft.Extensions.Options;

namespace CacheService.Replication;

/// <summary>
/// Services that publish under the same name and are of another database, or of a physical copy of this one, whose identifiers are the same.
/// <para>
/// A database has one ringer. Who begins a tenure reads the end of the stream, proves then that it is the ringer, and puts its first frame behind that end. So whoever begins one
/// behind a frame of this service, while this service is the ringer all along, is the ringer of another database. The one that was there first goes on, with a chain that nobody
/// has mixed with another; the other one publishes nothing for as long as that one does. Where it comes back soon, as a process that is started again and again, both stop for a while.
/// </para>
/// </summary>
internal sealed class Rivals(Broker broker, FeedStatus feed, DrainRequests requests, IOptions<NatsOptions> options, TimeProvider time, ILogger<Rivals> logger)
{
    /// <summary>Who publishes puts a frame into the stream once a second.</summary>
    private static readonly TimeSpan ShortSilence = TimeSpan.FromSeconds(3);

    /// <summary>A restart is no reason to take the stream from a rival.</summary>
    private static readonly TimeSpan LongSilence = TimeSpan.FromSeconds(30);

    /// <summary>For longer no service of this database goes on that is not the ringer any more, and none follows a primary from before a failover.</summary>
    private static readonly TimeSpan LongestDoubt = TimeSpan.FromSeconds(10);

    /// <summary>A rival that comes back sooner may do so again and again.</summary>
    private static readonly TimeSpan ObjectionInterval = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(1);

    /// <summary>How long a service may take to notice that its primary is none any more.</summary>
    private static readonly TimeSpan FailoverPatience = TimeSpan.FromSeconds(5);

    private const int Attempts = 5;

    private readonly HashSet<uint> _known = [];
    private long _objectedAt;
    private bool _holdsBack;

    /// <summary>Whether this service leaves the stream alone, because a rival has come back again.</summary>
    public bool IsHoldingBack => _holdsBack && time.GetElapsedTime(_objectedAt) < LongSilence;

    /// <summary>Whether a publisher is known to be one.</summary>
    public bool Contains(uint publisher) => _known.Contains(publisher);

    /// <summary>This service publishes after it: if it was one, it is met again.</summary>
    public void Forget(uint publisher) => _known.Remove(publisher);

    /// <summary>Proves that this cache is the ringer at some moment from now on.</summary>
    /// <returns>Its term.</returns>
    /// <exception cref="TimeoutException">It is not, or the database does not answer.</exception>
    public async Task<int> ProveRingerAsync(CancellationToken cancellationToken)
    {
        // The session that drains is the one that holds the lock.
        if (!await requests.NextDrainAsync().WaitAsync(DrainPatience, time, cancellationToken))
        {
            throw new TimeoutException("the database does not answer.");
        }

        return feed.RingerTerm is > 0 and var term ? term : throw new TimeoutException("another service of the database is woken by now.");
    }

    /// <summary>The stream has refused a frame of a tenure: if a rival is the reason, objects to it, or gives way.</summary>
    public async Task AnswerAsync(Tenure tenure, CancellationToken cancellationToken)
    {
        // Of a publisher without a number, as of an earlier version, nothing is known.
        if (await broker.ReadEndAsync(cancellationToken) is not { Frame: { Publisher: not 0 } last } || last.Publisher == broker.Number
            || (await broker.ReadPartAsync(tenure.Outbox.Sequence, cancellationToken))?.Tenure != tenure.Number
            || !await IsStillRingerAsync(tenure, cancellationToken))
        {
            return;
        }

        if (last.LogIdentity != tenure.LogIdentity)
        {
            // Nothing is mixed, and the database of this service may be the primary of before a failover.
            await Task.Delay(FailoverPatience, time, cancellationToken);
            if (!await IsStillRingerAsync(tenure, cancellationToken))
            {
                return;
            }
        }

        // Where it has gone on with this service's chain, nobody is to go on with that.
        if (last.Publisher == tenure.Predecessor && last.Chain != tenure.Chain)
        {
            _known.Add(last.Publisher);
            Log(last.Publisher, $"That one was there first: this service publishes nothing until it has been silent for {LongSilence.TotalSeconds:F0} s.");
            return;
        }

        // Whatever the stream's end is by now: the rival may be faster.
        await broker.PublishAsync(tenure.NewObjection(), after: null, cancellationToken);
        _known.Add(last.Publisher);
        _holdsBack = _objectedAt != 0 && time.GetElapsedTime(_objectedAt) < ObjectionInterval;
        _objectedAt = time.GetTimestamp();
        Log(last.Publisher, _holdsBack ? $"It has come back again: both are to stop, and this service publishes nothing for {LongSilence.TotalSeconds:F0} s." : "This service was there first, and begins a new chain.");
    }

    /// <summary>Waits until who has put the last frame into the stream does not publish any more, or this cache is not the ringer any more.</summary>
    /// <param name="end">The stream's end.</param>
    /// <param name="isRival">Whether it is a rival, if it still publishes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The stream's end by then.</returns>
    public async Task<StreamEnd> WaitForSilenceAsync(StreamEnd end, bool isRival, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var (movedAt, publisher, term) = (began, end.Frame?.Publisher ?? 0, feed.RingerTerm);
        while (feed.IsRinger && time.GetElapsedTime(movedAt) < (Contains(publisher) ? LongSilence : ShortSilence))
        {
            await Task.Delay(LookInterval, time, cancellationToken);
            var now = await broker.ReadEndAsync(cancellationToken) ?? throw new StreamGoneException();
            if (now.Last == end.Last)
            {
                continue;
            }

            (end, movedAt, publisher) = (now, time.GetTimestamp(), now.Frame?.Publisher ?? publisher);
            if (publisher != 0 && !Contains(publisher) && (isRival || time.GetElapsedTime(began) > LongestDoubt) && await ProveRingerAsync(cancellationToken) == term)
            {
                _known.Add(publisher);
                Log(publisher, $"This service publishes nothing until that one has been silent for {LongSilence.TotalSeconds:F0} s.");
            }
        }

        return end;
    }

    private async Task<bool> IsStillRingerAsync(Tenure tenure, CancellationToken cancellationToken)
    {
        for (var attempt = 1; feed.RingerTerm == tenure.RingerTerm; attempt++)
        {
            try
            {
                return await ProveRingerAsync(cancellationToken) == tenure.RingerTerm;
            }
            catch (TimeoutException) when (attempt < Attempts)
            {
                // A drain may take longer.
            }
        }

        return false;
    }

    private void Log(uint publisher, string consequence) => ReplicationLog.NameIsShared(logger, options.Value.Name, $"{publisher:x8}", consequence);
}
