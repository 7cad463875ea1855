namespace CacheService.Jobs;

/// <summary>
/// Work that can be scheduled: derive from it, and add one line where the service is put together (<see cref="JobsServices.AddJob{T}"/>). One object serves all runs of a service, of which
/// there is one at a time, on all services together.
/// </summary>
internal abstract class Job
{
    /// <summary>What it is called: small letters, digits and hyphens.</summary>
    public abstract string Name { get; }

    /// <summary>What it does, in a line.</summary>
    public abstract string Description { get; }

    /// <summary>What it can be told. Values are texts, which the job reads.</summary>
    public virtual IReadOnlyList<JobParameter> Parameters => [];

    /// <summary>When it runs until somebody says otherwise: a cron expression of five fields, or of six with seconds first; null: only by hand.</summary>
    public virtual string? Schedule => null;

    /// <summary>The time zone in which <see cref="Schedule"/> is meant.</summary>
    public virtual string TimeZone => "UTC";

    /// <summary>What becomes of slots that were missed, until somebody says otherwise.</summary>
    public virtual Misfire Misfire => Misfire.Latest;

    /// <summary>
    /// Whether a run that was lost with its service is resumed by itself: from its cursor, or from the beginning if it has saved none. What it did after its last batch is done once more then.
    /// </summary>
    public virtual bool IsResumed => true;

    /// <summary>Whether single items can be tried again.</summary>
    public virtual bool CanRetry => false;

    /// <summary>
    /// Does the work. An exception fails the run with its message. What it does to the database it does in batches (<see cref="JobRun.BatchAsync"/>), each of which takes effect whole with what it
    /// reports, or not at all; none does once the run has been taken for lost.
    /// </summary>
    public abstract Task RunAsync(JobRun run);

    /// <summary>Does the work of one item that has failed before.</summary>
    public virtual Task RetryAsync(JobRun run, string key) => throw new NotSupportedException($"{Name} has no items that can be tried again");
}

/// <summary>Something that a job can be told.</summary>
/// <param name="Name">Its name, such as <c>older_than</c>.</param>
/// <param name="Description">What it does, with an example.</param>
/// <param name="Default">Its value where nobody says another; empty: none.</param>
internal sealed record JobParameter(string Name, string Description, string Default = "");

/// <summary>A run cannot do its work, for a reason that its operator can do something about; the message says what.</summary>
internal sealed class JobFailedException(string message, Exception? innerException = null) : Exception(message, innerException);
