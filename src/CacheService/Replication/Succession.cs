using CacheService.Counts;
using CacheService.Feed;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>
/// How this service comes to publish. It goes on with the chain that it finds, if it remembers a state of its own that the chain's last snapshot includes: whatever has changed
/// since that goes into its first frame. Else it begins a chain, with a checkpoint.
/// </summary>
internal sealed class Succession(
    Broker broker, Checkpoints checkpoints, RecentDrains drains, CountsStore store, Synchronizer synchronizer, PostgresConnections connections, Rivals rivals,
    IOptions<CountsOptions> counted, TimeProvider time, ILogger<Succession> logger)
{
    /// <summary>A leader that has just been elected may not know of the stream's last messages for a moment.</summary>
    private static readonly TimeSpan ElectionPause = TimeSpan.FromSeconds(2);

    /// <summary>So often the last frames of the publisher of before may come in between.</summary>
    private const int MostRefusals = 10;

    /// <summary>The last sequence that the stream is known to have had.</summary>
    private ulong _highest;

    /// <summary>The chain that cannot be gone on with; empty: none.</summary>
    private string _ended = "";

    /// <summary>How many first frames in a row the stream has refused, in one term of this cache as the ringer.</summary>
    private (int Term, int Count) _refusals;

    /// <summary>How many chains have begun of which no frame came into the stream.</summary>
    public int BegunInVain { get; private set; }

    /// <summary>Nobody may go on with a chain.</summary>
    public void End(string chain) => _ended = chain;

    /// <summary>The stream has had a sequence.</summary>
    public void NoteSequence(ulong sequence) => _highest = Math.Max(_highest, sequence);

    /// <summary>Begins a tenure: its first frame is in the stream before anybody hears of it, so that no other service begins it.</summary>
    /// <exception cref="FencedException">Another service was faster.</exception>
    public async Task<Tenure> BeginTenureAsync(CancellationToken cancellationToken)
    {
        var end = await ReadEndAsync(cancellationToken);
        // After the end was read: whatever the last frame includes, this cache has seen then.
        var (term, header) = await ProveAsync(cancellationToken);
        var isEverythingKnown = await IsEverythingKnownAsync(cancellationToken);
        var missed = MissedBy(end.Frame, header.LogIdentity);
        _refusals = _refusals.Term == term ? _refusals : (term, 0);
        if ((missed is null || _refusals.Count >= MostRefusals) && end.Frame is { } others && others.Publisher != broker.Number)
        {
            end = await rivals.WaitForSilenceAsync(end, isRival: DatabaseOf(others.LogIdentity) != DatabaseOf(header.LogIdentity), cancellationToken);
            _highest = end.Last;
            (term, header) = await ProveAsync(cancellationToken);
        }
        else if (missed is not null && isEverythingKnown && end.Frame is { Chain.Length: > 0 } last && last.Chain != _ended && IsOfZone(last, header.DayTimeZone))
        {
            // What may have been handed out of the tenure before has lower revisions than what comes now.
            (header.Chain, header.Tenure, header.Number, header.Revision, header.Snapshot) = (last.Chain, TenureAfter(last.Tenure), last.Number, last.Revision + Outbox.MostWaiting, last.Snapshot);
            var tenure = await BeginAsync(end, header, missed.Latest, missed, term, cancellationToken);
            ReplicationLog.TookOver(logger, last.Chain, last.Number, missed.Counts.Count);
            return tenure;
        }

        var mark = await BeginChainAsync(end, header, cancellationToken);
        var news = drains.Since(mark) ?? throw new TimeoutException("the counts were loaded afresh meanwhile.");
        return await BeginAsync(end, header, mark, news, term, cancellationToken);
    }

    /// <summary>The end of the stream. Where that has less than it had, because its servers have lost what they had acknowledged, nobody may go on with its chain: followers have more of it.</summary>
    private async Task<StreamEnd> ReadEndAsync(CancellationToken cancellationToken)
    {
        var end = await broker.ReadEndAsync(cancellationToken) ?? throw new StreamGoneException();
        if (end.Last < _highest && end.Frame is not null)
        {
            await Task.Delay(ElectionPause, time, cancellationToken);
            end = await broker.ReadEndAsync(cancellationToken) ?? throw new StreamGoneException();
            if (end.Last < _highest)
            {
                _ended = end.Frame?.Chain ?? _ended;
            }
        }

        _highest = end.Last;
        return end;
    }

    /// <summary>Proves that this cache is the ringer of the database that it is registered with.</summary>
    /// <returns>Its term as the ringer, and what all frames of a tenure have that begins now.</returns>
    private async Task<(int Term, Frame Header)> ProveAsync(CancellationToken cancellationToken)
    {
        var registration = synchronizer.Registration;
        var term = await rivals.ProveRingerAsync(cancellationToken);
        // A drain that succeeds is of the log that it is registered with.
        if (registration is null || synchronizer.Registration != registration)
        {
            throw new TimeoutException("the service registers with the database afresh.");
        }

        var identity = $"{registration.Identity:N}/{registration.Baseline.Server}/{registration.Baseline.Database}";
        return (term, new Frame { LogIdentity = identity, Publisher = broker.Number, DayTimeZone = store.Version!.Days is null ? "" : counted.Value.TimeZone });
    }

    /// <summary>What has been touched since a frame of this log.</summary>
    /// <returns>Null: the frame is of another one, or from before all that is remembered, or objects to a rival, which may be this service.</returns>
    private DrainSum? MissedBy(Frame? last, string identity) =>
        last is not null && (last.Chain.Length > 0 || last.Publisher == broker.Number) && last.LogIdentity == identity && !rivals.Contains(last.Publisher)
        && PgSnapshot.Parse(last.Snapshot) is var snapshot && drains.SinceOneIncludedIn(snapshot) is { } missed && snapshot.IsContainedIn(missed.Version.Snapshot) ? missed : null;

    /// <summary>
    /// Whether a cache knows of everything that was touched since a snapshot. Where the table is its own log, a row that one transaction inserts and another deletes leaves no trace for a
    /// reader who had neither.
    /// </summary>
    private async Task<bool> IsEverythingKnownAsync(CancellationToken cancellationToken)
    {
        await using var command = connections.Pool.CreateCommand("select twcache.log_form() = 'change'");
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<Tenure> BeginAsync(StreamEnd end, Frame header, DrainMark own, DrainSum news, int ringerTerm, CancellationToken cancellationToken)
    {
        var tenure = new Tenure(broker, header, end.Last, own, end.Frame?.Publisher ?? 0, ringerTerm, time, logger);
        try
        {
            tenure.Make(news);
            await tenure.Outbox.SendWaitingAsync(cancellationToken);
            rivals.Forget(tenure.Predecessor);
            (BegunInVain, _refusals) = (0, (ringerTerm, 0));
            return tenure;
        }
        catch (FencedException)
        {
            _refusals.Count++;
            tenure.Dispose();
            throw;
        }
        catch
        {
            tenure.Dispose();
            throw;
        }
    }

    /// <summary>Begins a chain, of which the header then says where it is.</summary>
    /// <returns>The drain of this cache whose state the checkpoint has.</returns>
    private async Task<DrainMark> BeginChainAsync(StreamEnd end, Frame header, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        BegunInVain++;
        var name = Guid.NewGuid().ToString("N");
        var revision = Math.Max(end.Frame?.Revision ?? 0, store.Version!.Revision) + 1;
        var (counts, mark) = await CopyAsync(name, revision, cancellationToken);
        var own = mark.Version;
        (header.Chain, header.Tenure, header.Number, header.Revision, header.Snapshot) = (name, TenureAfter(0), 0, revision, own.Snapshot.ToString());
        var checkpoint = new CheckpointHeader { Chain = name, Tenure = header.Tenure, Number = 0, Sequence = end.Last, LogIdentity = header.LogIdentity, Snapshot = header.Snapshot };
        await checkpoints.WriteAsync(new Chain(counts, checkpoint), cancellationToken);
        var seconds = time.GetElapsedTime(started).TotalSeconds;
        ReplicationLog.BeganChain(logger, name, own.Messages, seconds);
        return mark;
    }

    /// <summary>What the cache holds, at one version: read while drains go on, and then all that they have changed put over it, as of the last of them.</summary>
    private async Task<(CountsStore Counts, DrainMark Own)> CopyAsync(string chain, ulong revision, CancellationToken cancellationToken)
    {
        while (true)
        {
            var began = await drains.CatchUpAsync(cancellationToken);
            var table = new CountsTable();
            foreach (var (messageId, counts) in store.ReadChangedAfter(0))
            {
                table.Set(messageId, counts with { Revision = revision });
            }

            await drains.CatchUpAsync(cancellationToken);
            if (drains.Since(began) is not { } since)
            {
                continue;
            }

            foreach (var (messageId, counts) in since.Counts)
            {
                if (counts is { } present)
                {
                    table.Set(messageId, present with { Revision = revision });
                }
                else
                {
                    table.Remove(messageId);
                }
            }

            table.EndFilling();
            var tombstones = new Tombstones(0);
            tombstones.Forget(revision);
            var copy = checkpoints.NewStore();
            copy.Restore(table, tombstones, since.Version with { Epoch = chain, Revision = revision, Messages = table.Count });
            return (copy, since.Latest);
        }
    }

    /// <summary>Whether a frame has its days in a time zone. One of an earlier version, whose publishers have no number either, does not say it.</summary>
    private static bool IsOfZone(Frame frame, string zone) => frame.Publisher == 0 || frame.DayTimeZone == zone;

    private static string DatabaseOf(string identity) => identity[(identity.IndexOf('/', StringComparison.Ordinal) + 1)..];

    /// <summary>Higher than the one before, and no other's: two services may begin one at a time, and the stream may lose one.</summary>
    private static ulong TenureAfter(ulong tenure) => (((tenure >> 32) + 1) << 32) | (uint)Random.Shared.NextInt64();
}
