namespace CacheService.Client.Jobs;

/// <summary>Something that somebody did with a job.</summary>
/// <param name="Id">Its number: what came later has a higher one.</param>
/// <param name="At">When.</param>
/// <param name="Who">By whom, such as key cron.</param>
/// <param name="What">start, stop, cancel, resume, restart, retry, ignore, pause, unpause or schedule.</param>
/// <param name="Job">The job's name.</param>
/// <param name="Run">The run; null: of none.</param>
/// <param name="Detail">More of it, such as why.</param>
public sealed record JobAction(long Id, DateTimeOffset At, string Who, string What, string Job, long? Run, string Detail);
