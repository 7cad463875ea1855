using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>
/// Drains the change log into the store: often while changes come, and asleep otherwise, until a writer rings, a read asks, or it is time for a
/// heartbeat. A writer rings exactly if somebody holds ASLEEP at its trigger, and this loop sleeps only after it got that lock, which no
/// running writer shared, and then found nothing: whoever wrote before is drained, whoever writes after rings.
/// </summary>
internal sealed class DrainLoop(CountsStore store, FeedStatus status, DrainRequests requests, WakeSignal wake, FeedOptions options, TimeProvider time)
{
    private const int EmptyDrainsBeforeSleep = 2;

    private long _lastStart = time.GetTimestamp();
    private long _lastRingerAttempt;

    /// <summary>Follows the database until something makes a load necessary.</summary>
    /// <exception cref="Npgsql.NpgsqlException">The session broke.</exception>
    public async Task<ReloadReason> RunAsync(FeedSession session, Registration registration, CancellationToken cancellationToken)
    {
        var reader = session.Reader;
        var emptyDrains = 0;
        var pause = options.MinDrainInterval;
        var asleep = false;
        status.IsRinger = false;
        _lastRingerAttempt = 0;
        while (true)
        {
            await BecomeRingerAsync(reader, cancellationToken);

            // Taken before the drain starts: what rang until now, the drain sees.
            var reasons = wake.Take();
            await session.ThrowIfBrokenAsync();
            var prelude = ChoosePrelude(reader.HoldsAsleep, asleep, reasons, emptyDrains);
            var drain = await DrainAsync(reader, registration, prelude, cancellationToken);
            if (drain.Reload is { } reload)
            {
                return reload;
            }

            status.BecomeLive();
            if (drain.FoundChanges || prelude == DrainPrelude.WakeUp)
            {
                emptyDrains = 0;
                pause = options.MinDrainInterval;
            }
            else
            {
                emptyDrains++;
                // Not ringer, or writers are in flight: look less and less often.
                pause = emptyDrains <= EmptyDrainsBeforeSleep ? options.MinDrainInterval : Shorter(pause * 2, options.MaxDrainPause);
            }

            asleep = reader.HoldsAsleep && !drain.FoundChanges;
            await WaitAsync(asleep ? options.HeartbeatInterval : pause, cancellationToken);
        }
    }

    private DrainPrelude ChoosePrelude(bool holdsAsleep, bool asleep, WakeReasons reasons, int emptyDrains)
    {
        if (holdsAsleep)
        {
            return asleep && !reasons.HasFlag(WakeReasons.Bell) ? DrainPrelude.None : DrainPrelude.WakeUp;
        }

        return emptyDrains >= EmptyDrainsBeforeSleep && status.IsRinger ? DrainPrelude.FallAsleep : DrainPrelude.None;
    }

    private async Task<(bool FoundChanges, ReloadReason? Reload)> DrainAsync(
        ChangeLogReader reader, Registration registration, DrainPrelude prelude, CancellationToken cancellationToken)
    {
        _lastStart = time.GetTimestamp();
        var waiting = requests.BeginDrain();
        var succeeded = false;
        try
        {
            var drain = await reader.DrainAsync(store.Version!.Snapshot, prelude, cancellationToken);
            status.CountDrain();
            if (registration.FindGap(drain) is { } gap)
            {
                return (false, new ReloadReason(gap, RegisterAfresh: true));
            }

            if (drain.Truncated)
            {
                return (false, new ReloadReason("a table was truncated", RegisterAfresh: false));
            }

            store.Apply(drain.Changes, drain.Snapshot, drain.StartedAt);
            succeeded = true;
            return (drain.Changes.Count > 0, null);
        }
        catch (InconsistentChangeException e)
        {
            return (false, new ReloadReason($"the change log does not fit the counts: {e.Message}", RegisterAfresh: true));
        }
        finally
        {
            waiting.SetResult(succeeded);
        }
    }

    private async Task BecomeRingerAsync(ChangeLogReader reader, CancellationToken cancellationToken)
    {
        if (status.IsRinger || time.GetElapsedTime(_lastRingerAttempt) < options.HeartbeatInterval)
        {
            return;
        }

        _lastRingerAttempt = time.GetTimestamp();
        status.IsRinger = await reader.TryBecomeRingerAsync(cancellationToken);
    }

    private async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        if (atMost > options.MinDrainInterval)
        {
            await wake.WaitAsync(atMost, cancellationToken);
        }

        // Drains are spaced whoever asks for them, so that many reads share one. Timers tick in whole milliseconds: rounded up, not to nothing.
        var untilAllowed = (options.MinDrainInterval - time.GetElapsedTime(_lastStart)).TotalMilliseconds;
        if (untilAllowed > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(untilAllowed)), time, cancellationToken);
        }
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
