using CacheService.Counts;
using CacheService.Feed;
using CacheService.Metrics;

namespace CacheService.Reading;

/// <summary>Holds a read back until the store meets its requirement. Thread-safe.</summary>
internal sealed class ReadGate(CountsStore store, FeedStatus status, DrainRequests requests, ITransactionIds transactions, TimeProvider time)
{
    /// <summary>Between drains that wait for one transaction to end: it need not ring, if it changed no counts.</summary>
    private static readonly TimeSpan XidPollInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>Waits until the store meets a requirement.</summary>
    /// <param name="requirement">The requirement.</param>
    /// <param name="limit">How long to wait at most.</param>
    /// <param name="cancellationToken">The reader gave up.</param>
    /// <exception cref="ReadRefusedException">It could not be met within the limit.</exception>
    public async Task PassAsync(ReadRequirement requirement, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (IsMet(requirement))
        {
            return;
        }

        var arrived = time.GetTimestamp();
        using var span = Spans.Begin("wait for a drain");
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limited.CancelAfter(limit);
        var inProgress = false;
        try
        {
            await DrainAsync(limited.Token);
            if (requirement is not ReadRequirement.AtLeastXid { Xid: var xid })
            {
                return;
            }

            while (!store.Version!.Snapshot.Includes(xid))
            {
                if (!inProgress)
                {
                    await transactions.RequireAssignedAsync(xid, limited.Token);
                    inProgress = true;
                }

                await Task.Delay(XidPollInterval, time, limited.Token);
                await DrainAsync(limited.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            var refused = inProgress && status.Condition.State == FeedState.Live ? ReadRefusedException.InProgress(((ReadRequirement.AtLeastXid)requirement).Xid) : Unavailable(limit);
            span.Fail(refused);
            throw refused;
        }
        finally
        {
            Instruments.ReadWaits.Record(time.GetElapsedTime(arrived).TotalSeconds, Instruments.Requirement[requirement.Kind]);
        }
    }

    private bool IsMet(ReadRequirement requirement) => (requirement, store.Version) switch
    {
        (ReadRequirement.MaxAge { Age: var age }, { } version) => status.AgeOf(version) <= age,
        // Never a transaction's id: what memory knows by that id may be another transaction, of before a crash that nobody has noticed yet. The server gives
        // ids that no log has kept out again. A drain that starts now is of the server that has given this one, or does not succeed.
        _ => false,
    };

    /// <summary>Waits for a drain that starts after this call.</summary>
    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        while (!await requests.NextDrainAsync().WaitAsync(cancellationToken))
        {
        }
    }

    private ReadRefusedException Unavailable(TimeSpan limit)
    {
        var detail = status.Condition.Detail;
        return new ReadRefusedException(
            ReadRefusal.FeedUnavailable,
            $"the requirement could not be met within {limit.TotalSeconds:F1} s; try again, or read without one. The feed is {(detail.Length > 0 ? detail : "live")}");
    }
}
