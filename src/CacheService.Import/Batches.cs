using System.Globalization;
using Npgsql;

namespace CacheService.Import;

/// <summary>Goes through a range of numbers in batches: gives way to others' locks, and finds the one row for which a batch fails.</summary>
internal sealed class Batches(IImportSession session, Pace pace, TimeProvider time)
{
    // By an index, whatever the statistics say: a plan that reads the whole table for each batch would be a plan for days. And one plan for all batches,
    // because a batch takes little longer than to plan it.
    private const string PlannerSettings =
        "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off; set local plan_cache_mode = force_generic_plan";

    // The settings, the work, and what is kept of it.
    private const int Statements = 3;

    /// <summary>Does all numbers above <paramref name="from"/>, up to <paramref name="to"/>.</summary>
    /// <param name="what">What the numbers are of, in words that nothing else is called by.</param>
    /// <param name="from">What is done.</param>
    /// <param name="to">The last one.</param>
    /// <param name="mayReject">How many may be rejected.</param>
    /// <param name="work">Does the numbers above the one, up to the other, in the transaction of a connection.</param>
    /// <param name="reject">Is told of the number that cannot be done, and why, in another one.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>How many were rejected.</returns>
    /// <exception cref="ImportException">Somebody holds a lock for long, or too much is rejected.</exception>
    public async Task<long> RunAsync(
        string what,
        long from,
        long to,
        long mayReject,
        Func<NpgsqlConnection, long, long, Task> work,
        Func<NpgsqlConnection, long, string, Task> reject,
        CancellationToken cancellationToken)
    {
        var done = from;
        var rejected = 0L;
        var waitingSince = 0L;
        // Up to the nearest of them stands what a batch has failed for.
        var suspects = new Stack<long>();
        while (done < to)
        {
            while (suspects.TryPeek(out var passed) && passed <= done)
            {
                suspects.Pop();
            }

            var last = Math.Min(suspects.TryPeek(out var suspect) ? suspect : to, done + pace.Size);
            var place = string.Create(CultureInfo.InvariantCulture, $"{what} {last}");
            var isDone = false;
            var started = time.GetTimestamp();
            try
            {
                await session.RunAsync(
                    async c =>
                    {
                        var asked = time.GetTimestamp();
                        await c.ExecuteAsync($"{TransactionSettings.Sql}; {PlannerSettings}", cancellationToken);
                        pace.NoteReply(time.GetElapsedTime(asked));
                        await work(c, done, last);
                    },
                    cancellationToken,
                    place);
                isDone = true;
            }
            catch (PostgresException e) when (OthersLocks.AreHeld(e))
            {
                waitingSince = waitingSince == 0 ? time.GetTimestamp() : waitingSince;
                await OthersLocks.WaitAsync(e, last - done == 1 ? time.GetElapsedTime(waitingSince) : TimeSpan.Zero, place, time, cancellationToken);
                pace.Halve();
                continue;
            }
            catch (Exception e) when (e is RowLeftOutException || (e is PostgresException error && Stager.IsAboutRow(error)))
            {
                if (last - done > 1)
                {
                    suspects.Push(last);
                    suspects.Push(done + ((last - done) / 2));
                }
                else
                {
                    var words = (e as PostgresException)?.MessageText ?? e.Message;
                    if (++rejected > mayReject)
                    {
                        throw new ImportException(
                            $"{place}: the table refuses more rows than may be rejected, this one because: {words}. What was done before stays; allow more rejected rows, import the file again, "
                            + "and it goes on from there",
                            e);
                    }

                    await session.RunAsync(c => reject(c, last, words), cancellationToken, place);
                    done = last;
                }
            }

            waitingSince = 0;
            var pause = pace.PauseAfter(time.GetElapsedTime(started), Statements + session.EndRoundTrips, isDone ? last - done : 0);
            done = isDone ? last : done;
            await Task.Delay(pause, time, cancellationToken);
        }

        return rejected;
    }
}

/// <summary>The table has not taken a row, or has left it as it was.</summary>
internal sealed class RowLeftOutException(string why, Exception? innerException = null) : Exception(why, innerException);
