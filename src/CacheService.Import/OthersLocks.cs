using Npgsql;

namespace CacheService.Import;

/// <summary>What an import does where others hold a lock that it needs: it gives way, and tries again for a while.</summary>
internal static class OthersLocks
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Whether a transaction has failed because another one was in its way.</summary>
    public static bool AreHeld(PostgresException error) =>
        error.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure;

    /// <summary>Does one transaction, as often as others are in its way.</summary>
    /// <exception cref="ImportException">They are for too long.</exception>
    public static async Task RunPatientlyAsync(this IImportSession session, Func<NpgsqlConnection, Task> work, string what, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var started = time.GetTimestamp(); ;)
        {
            try
            {
                await session.RunAsync(work, cancellationToken);
                return;
            }
            catch (PostgresException e) when (AreHeld(e))
            {
                await WaitAsync(e, time.GetElapsedTime(started), what, time, cancellationToken);
            }
        }
    }

    /// <summary>Does one transaction, unless another one is in its way.</summary>
    /// <returns>Whether it is done.</returns>
    public static async Task<bool> TryRunAsync(this IImportSession session, Func<NpgsqlConnection, Task> work, CancellationToken cancellationToken)
    {
        try
        {
            await session.RunAsync(work, cancellationToken);
            return true;
        }
        catch (PostgresException e) when (AreHeld(e))
        {
            return false;
        }
    }

    /// <summary>Waits a little.</summary>
    /// <param name="error">What the transaction has failed with.</param>
    /// <param name="waited">How long it has been waited for already.</param>
    /// <param name="what">What needs the lock.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ImportException">It was waited for long enough.</exception>
    public static Task WaitAsync(PostgresException error, TimeSpan waited, string what, TimeProvider time, CancellationToken cancellationToken) => waited <= Patience
        ? Task.Delay(Pause, time, cancellationToken)
        : throw new ImportException(
            $"another transaction has held a lock for more than {Patience.TotalMinutes:F0} minutes that {what} needs (see pg_locks): "
            + "import the file again when it has ended; it goes on where it was",
            error);
}
