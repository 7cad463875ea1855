using CacheService.Counts;
using CacheService.Feed;

namespace CacheService.Auditing;

/// <summary>What audits need of the feed: that it keeps the log for them, drains, is still the same, and repairs. One audit at a time.</summary>
internal sealed class AuditedFeed(CountsStore store, FeedStatus status, DrainRequests requests, SnapshotPin pin, Repairs repairs, TimeProvider time)
{
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(5);

    /// <summary>Compares something, with the log kept from now on until that is done.</summary>
    /// <exception cref="RangeNotComparedException">Nothing is loaded yet.</exception>
    public async Task<T> HoldAsync<T>(Func<HeldFeed, Task<T>> compare)
    {
        var consumer = status.Consumer;
        var began = pin.Pin();
        try
        {
            return await compare(new HeldFeed(began ?? throw new RangeNotComparedException("nothing is loaded yet"), consumer));
        }
        finally
        {
            pin.Release();
        }
    }

    /// <summary>Waits for a drain that starts now or later, and succeeds.</summary>
    /// <exception cref="RangeNotComparedException">It did not.</exception>
    public async Task WaitForDrainAsync(CancellationToken cancellationToken)
    {
        bool succeeded;
        try
        {
            succeeded = await requests.NextDrainAsync().WaitAsync(LongestDrain, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            succeeded = false;
        }

        if (!succeeded)
        {
            throw new RangeNotComparedException(status.Condition.Detail is { Length: > 0 } detail ? $"the feed is {detail}" : "a read of the change log failed");
        }
    }

    /// <summary>What the store holds now goes on from what was held, without a load in between.</summary>
    /// <exception cref="RangeNotComparedException">It does not.</exception>
    public CountsVersion RequireSame(HeldFeed held)
    {
        var now = store.Version!;
        RequireSame(held, now);
        return now;
    }

    /// <inheritdoc cref="RequireSame(HeldFeed)"/>
    public void RequireSame(HeldFeed held, CountsVersion now)
    {
        if (now.Epoch != held.Began.Epoch || status.Consumer != held.Consumer)
        {
            throw new RangeNotComparedException("the counts were loaded afresh meanwhile");
        }
    }

    /// <summary>Has the drain loop repair the counts.</summary>
    /// <returns>How many corrections were applied.</returns>
    public async Task<int> RepairAsync(Repair repair, CancellationToken cancellationToken)
    {
        repairs.Submit(repair);
        try
        {
            await WaitForDrainAsync(cancellationToken);
        }
        catch (RangeNotComparedException)
        {
            // The difference has been found all the same. The next audit finds it again, and must not find this repair pending.
        }
        finally
        {
            if (repairs.Withdraw(repair))
            {
                repair.Drop();
            }
        }

        return await repair.Applied;
    }
}

/// <summary>The feed as it was when a comparison began.</summary>
/// <param name="Began">What the store held.</param>
/// <param name="Consumer">The feed's registration.</param>
internal sealed record HeldFeed(CountsVersion Began, string Consumer);
