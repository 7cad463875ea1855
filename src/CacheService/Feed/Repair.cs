using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>What to add to counts that were found to differ from the database.</summary>
/// <param name="found">The version that was found to differ, or an earlier one of its epoch.</param>
/// <param name="corrections">Each message once.</param>
/// <param name="dayCorrections">Each day once.</param>
internal sealed class Repair(CountsVersion found, IReadOnlyList<CountChange> corrections, IReadOnlyList<DayCounts>? dayCorrections = null)
{
    private readonly TaskCompletionSource<int> _applied = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How many corrections of messages were applied.</summary>
    public Task<int> Applied => _applied.Task;

    /// <summary>It was taken back: nothing was applied.</summary>
    public void Drop() => _applied.SetResult(0);

    /// <summary>
    /// Corrects the counts at the snapshot they are of. A difference stays the same whatever recorded changes add to both sides; except that a load and a
    /// message's end take it away. Only for the store's writer.
    /// </summary>
    /// <returns>False: a message came or went unnoticed, and the store has activity of it, which may be part of the difference: load afresh.</returns>
    /// <exception cref="InconsistentChangeException">A correction does not fit: the messages themselves drift again.</exception>
    internal bool TryApplyTo(CountsStore store)
    {
        var count = 0;
        try
        {
            var version = store.Version!;
            var valid = corrections.Where(correction => !store.Tombstones.HasSince(correction.MessageId, found.Revision)).ToList();
            if (valid.Exists(correction => correction.Born != 0 && store.HasOrphan(correction.MessageId)))
            {
                return false;
            }

            if (version.Epoch == found.Epoch && store.Tombstones.ForgottenTo <= found.Revision && valid.Count + (dayCorrections?.Count ?? 0) > 0)
            {
                store.Correct(valid, dayCorrections);
                count = valid.Count;
            }

            return true;
        }
        finally
        {
            _applied.SetResult(count);
        }
    }
}
