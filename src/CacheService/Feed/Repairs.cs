using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>Hands repairs to the drain loop, one at a time. Thread-safe.</summary>
internal sealed class Repairs
{
    private Repair? _pending;

    /// <summary>To be applied by the next drain.</summary>
    public void Submit(Repair repair)
    {
        if (Interlocked.CompareExchange(ref _pending, repair, null) is not null)
        {
            throw new InvalidOperationException("There is a repair under way.");
        }
    }

    /// <summary>Takes a repair back.</summary>
    /// <returns>False: it is applied, or just being so.</returns>
    public bool Withdraw(Repair repair) => Interlocked.CompareExchange(ref _pending, null, repair) == repair;

    /// <summary>Applies what is pending. Only for the store's writer.</summary>
    /// <returns>False: it could not be applied; load afresh.</returns>
    internal bool TryApplyTo(CountsStore store) => Interlocked.Exchange(ref _pending, null)?.TryApplyTo(store) ?? true;
}
