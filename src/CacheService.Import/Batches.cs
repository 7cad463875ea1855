using Npgsql;

namespace CacheService.Import;

/// <summary>Goes through a range of numbers in batches: gives way to others' locks, and finds the one row for which a batch fails.</summary>
internal sealed class Batches(IImportSession session, Pace pace, TimeProvider time)
{
    // By an index, whatever the statistics say: a plan that reads the whole table for each batch would be a plan for days.
    private const string PlannerSettings = "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off";

    private static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LockPatience = TimeSpan.FromMinutes(2);

    /// <summary>Does all numbers above <paramref name="from"/>, up to <paramref name="to"/>.</summary>
    /// <param name="from">What is done.</param>
    /// <param name="to">The last one.</param>
    /// <param name="work">Does the numbers above the one, up to the other, in the transaction of a connection.</param>
    /// <param name="reject">Is told of the number that cannot be done, and why, in another one.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ImportException">Somebody holds a lock for long.</exception>
    public async Task RunAsync(long from, long to, Func<NpgsqlConnection, long, long, Task> work, Func<NpgsqlConnection, long, string, Task> reject, CancellationToken cancellationToken)
    {
        var done = from;
        var waitingSince = 0L;
        while (done < to)
        {
            var started = time.GetTimestamp();
            try
            {
                await DoAsync(done, Math.Min(to, done + pace.Size));
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure)
            {
                waitingSince = waitingSince == 0 ? time.GetTimestamp() : waitingSince;
                if (pace.Size == 1 && time.GetElapsedTime(waitingSince) > LockPatience)
                {
                    throw new ImportException(
                        $"another transaction has held a lock for more than {LockPatience.TotalMinutes:F0} minutes that line {done + 1} needs (see pg_locks): import the file again when it has ended; it goes on where it was", e);
                }

                pace.Halve();
                await Task.Delay(LockPause, time, cancellationToken);
                continue;
            }

            waitingSince = 0;
            await Task.Delay(pace.PauseAfter(time.GetElapsedTime(started)), time, cancellationToken);
        }

        async Task DoAsync(long first, long last)
        {
            try
            {
                await session.RunAsync(
                    async c =>
                    {
                        var asked = time.GetTimestamp();
                        await c.ExecuteAsync($"{TransactionSettings.Sql}; {PlannerSettings}", cancellationToken);
                        pace.NoteReply(time.GetElapsedTime(asked));
                        await work(c, first, last);
                    },
                    cancellationToken);
            }
            catch (Exception e) when (e is PostgresException error ? Stager.IsAboutRow(error) : e is RowLeftOutException)
            {
                if (last - first == 1)
                {
                    await session.RunAsync(c => reject(c, last, e is PostgresException error ? error.MessageText : e.Message), cancellationToken);
                }
                else
                {
                    var middle = first + ((last - first) / 2);
                    await DoAsync(first, middle);
                    await DoAsync(middle, last);
                }
            }

            done = Math.Max(done, last);
        }
    }
}

/// <summary>The table has not taken a row, and has not said why.</summary>
internal sealed class RowLeftOutException() : Exception("a trigger or a rule of the table does not let it in");
