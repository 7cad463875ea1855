namespace CacheService.Feed;

/// <summary>Waits until nothing stands in the way of the counts, and says what does.</summary>
internal sealed class BaselineGate(FeedProgress progress, TimeProvider time, ILogger<CountsFeed> logger)
{
    /// <summary>What stands in the way of the counts is looked at this often, so that they are back soon after it is mended.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private const int MaxMendingTries = 8;
    private static readonly TimeSpan MendingPause = TimeSpan.FromMilliseconds(50);

    private string _problems = "";

    /// <summary>The tables that are counted, as of the last look.</summary>
    private uint[] _tables = [];

    /// <summary>The two that those belong to, as of when nothing stood in the way of the counts; null: not yet.</summary>
    private uint?[]? _roots;

    /// <summary>Whether tables have come or gone since nothing stood in the way of the counts.</summary>
    private bool _hasNewTables;

    /// <summary>Waits, and reads what the counts are to stand on.</summary>
    /// <param name="session">Where it is read.</param>
    /// <param name="giveUp">Called each time that something stands in the way.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Baseline> PassAsync(IFeedSession session, Func<CancellationToken, Task> giveUp, CancellationToken cancellationToken)
    {
        var mendingTries = 0;
        while (true)
        {
            progress.BeginStep(FeedProgress.Opening);
            session.Changes.ThrowIfBroken();
            var (problems, tables, roots, firesSometimes) = await session.ReadProblemsAsync(cancellationToken);
            if (!_tables.AsSpan().SequenceEqual(tables))
            {
                // Also such as came while those of before were mended.
                (_tables, _hasNewTables, mendingTries) = (tables, true, 0);
            }

            if (problems.Length > 0 && mendingTries < MaxMendingTries
                && (firesSometimes || (_hasNewTables && (_roots is null || _roots.AsSpan().SequenceEqual(roots)))))
            {
                // New partitions may only lack their triggers. Where one was taken away from a table that had it, somebody meant it; and where the tables themselves
                // are new, a restore may be about to bring the triggers. Nobody's writes go unrecorded meanwhile without being loaded: a trigger that is created
                // waits for the table's writers, and what was different before is.
                // Who has just made the partition may hold its lock for a moment after it can be seen.
                if (await session.MendTriggersAsync(cancellationToken))
                {
                    mendingTries = MaxMendingTries;
                }
                else
                {
                    mendingTries++;
                    await Task.Delay(MendingPause, time, cancellationToken);
                }

                continue;
            }

            if (problems.Length == 0)
            {
                var baseline = await session.ReadBaselineAsync(cancellationToken);
                if (baseline.Problems.Count == 0)
                {
                    (_hasNewTables, _roots, _problems) = (false, roots, "");
                    return baseline;
                }

                continue;
            }

            await giveUp(cancellationToken);
            progress.BecomeNotLive(FeedState.Syncing, problems, isForEverybody: true);
            if (problems != _problems)
            {
                FeedLog.Problems(logger, problems);
                _problems = problems;
            }

            await Task.Delay(Interval, time, cancellationToken);
            mendingTries = 0;
        }
    }
}

/// <summary>What stands in the way of the counts, and what it is to be judged by.</summary>
/// <param name="Text">The problems in a line, empty if there are none.</param>
/// <param name="Tables">The tables that are counted.</param>
/// <param name="Roots">The two that those belong to, null where one is gone.</param>
/// <param name="FiresSometimes">Whether a trigger fires, but not always.</param>
internal sealed record BaselineProblems(string Text, uint[] Tables, uint?[] Roots, bool FiresSometimes);
