namespace CacheService.Jobs;

/// <summary>What is known of the jobs of this service. Thread-safe.</summary>
internal sealed class JobsStatus
{
    private volatile JobsProblem? _problem = new("the jobs have not begun yet; try again in a moment", IsPassing: true);
    private volatile int _live;
    private int _abandoned;

    /// <summary>Why no jobs are run; null: nothing keeps them from it.</summary>
    public JobsProblem? Problem => _problem;

    /// <summary>How many runs are under way here.</summary>
    public int Live => _live;

    /// <summary>How many runs have been abandoned, and have not ended yet.</summary>
    public int Abandoned => Volatile.Read(ref _abandoned);

    /// <summary>Refuses what is asked of jobs while there are none.</summary>
    /// <exception cref="JobRefusedException">No jobs are run.</exception>
    public void Require()
    {
        if (_problem is { } problem)
        {
            throw problem.IsPassing ? JobRefusedException.Unavailable(problem.Words) : JobRefusedException.NotNow(problem.Words);
        }
    }

    /// <summary>Notes what keeps jobs from being run.</summary>
    /// <returns>Whether that is new.</returns>
    public bool Note(JobsProblem? problem)
    {
        var isNew = problem != _problem;
        _problem = problem;
        return isNew;
    }

    /// <summary>Notes how many runs there are.</summary>
    public void NoteLive(int count) => _live = count;

    /// <summary>Notes that a run was abandoned, or that one has ended.</summary>
    public void NoteAbandoned(int more) => Interlocked.Add(ref _abandoned, more);
}

/// <summary>Why no jobs are run.</summary>
/// <param name="Words">In words.</param>
/// <param name="IsPassing">Whether it may go away by itself.</param>
internal sealed record JobsProblem(string Words, bool IsPassing);
