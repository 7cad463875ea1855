namespace CacheService.Jobs;

/// <summary>What is asked for is not done; the message says why and what to do.</summary>
internal sealed class JobRefusedException(JobRefusal refusal, string message) : Exception(message)
{
    /// <summary>What kind of refusal it is.</summary>
    public JobRefusal Refusal { get; } = refusal;

    /// <summary>What is asked for cannot be.</summary>
    public static JobRefusedException BadRequest(string what) => new(JobRefusal.BadRequest, what);

    /// <summary>There is no such thing.</summary>
    public static JobRefusedException NotFound(string what) => new(JobRefusal.NotFound, what);

    /// <summary>It cannot be done as things are.</summary>
    public static JobRefusedException NotNow(string why) => new(JobRefusal.NotNow, why);

    /// <summary>It may be possible in a moment.</summary>
    public static JobRefusedException Unavailable(string why) => new(JobRefusal.Unavailable, why);
}

/// <summary>Why it is not done.</summary>
internal enum JobRefusal
{
    /// <summary>It asks for what cannot be: a bad schedule, a parameter that the job does not have.</summary>
    BadRequest,

    /// <summary>There is no such job, run, item or output.</summary>
    NotFound,

    /// <summary>The job is paused or runs, the run has ended, the service runs no jobs.</summary>
    NotNow,

    /// <summary>The service runs as many as it may.</summary>
    TooMany,

    /// <summary>The database cannot be asked, or a run has not ended in time.</summary>
    Unavailable,
}
