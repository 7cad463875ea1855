using System.Collections.Concurrent;
using CacheService.Concurrency;
using CacheService.Feed;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Jobs;

/// <summary>Looks again and again at all jobs: begins what is due, ends what is to end, and sees to runs whose service is gone.</summary>
internal sealed partial class JobScheduler(
    JobStore store, JobClaims claims, JobRunner runner, JobRegistry registry, JobsStatus status, FeedStatus feed, PostgresConnections connections, DatabaseAddress address,
    IOptions<JobsOptions> options, TimeProvider time, ILogger<JobScheduler> logger)
    : BackgroundService
{
    private static readonly TimeSpan IdlePause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WatchfulPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(10);

    /// <summary>For how long a run is left to end by itself, before the statement that it waits for is ended.</summary>
    private static readonly TimeSpan TokenPatience = TimeSpan.FromMilliseconds(150);

    /// <summary>And before it is abandoned.</summary>
    private static readonly TimeSpan StatementPatience = TimeSpan.FromMilliseconds(350);

    /// <summary>And before another service does so, which the run's own may be too frozen for.</summary>
    private static readonly TimeSpan OthersPatience = TimeSpan.FromMilliseconds(600);

    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(2);

    private readonly JobsOptions _options = options.Value;
    private readonly Signal _wake = new();
    private readonly ConcurrentDictionary<int, Task> _acting = [];

    /// <summary>Of each job the last thing that failed, and when.</summary>
    private readonly ConcurrentDictionary<int, (string Words, long At)> _failed = [];
    private readonly Dictionary<long, long> _askedSince = [];
    private readonly SilentServices _silent = new(options.Value.LostAfter, time);
    private long _lookedAt;

    /// <summary>Has it look at once.</summary>
    public void Wake() => _wake.Set();

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        // What does not end in time goes with the process, and is found as lost.
        await Task.WhenAny(StopRunsAsync(), Task.Delay(StopPatience, time, cancellationToken));
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _wake.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_options.Enabled)
        {
            status.Note(new JobsProblem("this service runs no jobs: start it with Jobs:Enabled=true", IsPassing: false));
            return;
        }

        // Slots that wait for one another follow at once.
        runner.RunEnded += Wake;
        var sweptAt = time.GetTimestamp();
        _lookedAt = time.GetTimestamp();
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = IdlePause;
            try
            {
                // The feed finds the database, and sets it up.
                if (status.Problem is null || feed.Condition.State is FeedState.Live or FeedState.Stale)
                {
                    pause = await LookAsync(stoppingToken);
                }
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                Tell(e);
                TellCutOff();
            }

            if (status.Problem is null && time.GetElapsedTime(sweptAt) > SweepInterval)
            {
                sweptAt = await SweepAsync(stoppingToken) ? sweptAt : time.GetTimestamp();
            }

            await ((Task)_wake.WaitAsync(pause, stoppingToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Deletes what is kept no longer.</summary>
    /// <returns>Whether there is more.</returns>
    private async Task<bool> SweepAsync(CancellationToken stopping)
    {
        try
        {
            return await store.SweepAsync(_options.KeepFor, _options.KeepRuns, stopping);
        }
        catch (Exception e)
        {
            // The next time will do.
            LogSweepFailed(logger, RunFailure.Describe(e));
            return false;
        }
    }

    private async Task StopRunsAsync()
    {
        await runner.StopAsync();
        // What was about to begin meanwhile.
        await Task.WhenAll(_acting.Values);
        await runner.StopAsync();
    }

    /// <summary>Looks at all jobs.</summary>
    /// <returns>When to look again.</returns>
    private async Task<TimeSpan> LookAsync(CancellationToken cancellationToken)
    {
        // Before the look: what is begun after it, it does not show.
        var live = runner.Live;
        var looks = await store.LookAsync(cancellationToken);
        _lookedAt = time.GetTimestamp();
        var missing = registry.All.Where(job => looks.All(look => look.Job.Name != job.Name)).ToList();
        if (missing.Count > 0)
        {
            await store.RegisterAsync(missing, cancellationToken);
            return ShortestPause;
        }

        if (connections.SharesSessions)
        {
            Tell(new JobsProblem("a pooler of transactions stands between the service and the database, where no session can hold the lock of a job: connect straight to the database", IsPassing: false));
            return IdlePause;
        }

        status.Note(null);
        await WatchAsync(live, looks, cancellationToken);
        var silent = _silent.Find(looks);
        var pause = runner.Live.Count > 0 ? BusyPause : looks.Any(look => look.Run is not null) ? WatchfulPause : IdlePause;
        foreach (var look in looks)
        {
            if (look.Run is { } run)
            {
                SeeTo(look, run, silent, live);
            }

            if (registry.Find(look.Job.Name) is { } job && TryParse(look.Job) is { } schedule)
            {
                pause = Shorter(pause, Begin(look, job, schedule));
            }
            else if (look is { Run: null, WantsResume: true, Job.IsPaused: false } && registry.Find(look.Job.Name) is { } unscheduled)
            {
                Claim(look, unscheduled);
            }
        }

        foreach (var ended in _askedSince.Keys.Where(id => looks.All(look => look.Run?.Id != id)).ToList())
        {
            _askedSince.Remove(ended);
        }

        return pause;
    }

    /// <summary>Sees to the runs that are under way here.</summary>
    private async Task WatchAsync(IReadOnlyCollection<LiveRun> live, IReadOnlyList<JobLook> looks, CancellationToken cancellationToken)
    {
        foreach (var run in live)
        {
            var look = looks.FirstOrDefault(look => look.Run?.Id == run.Row.Id);
            if (look is null || look.Holder != run.Row.Backend)
            {
                run.Tell(new RunEnd(RunEndKind.Lost, "the run has lost its session"));
            }
            else if (look.Run!.Stop is { } stop)
            {
                run.Tell(new RunEnd(stop == StopKind.Stop ? RunEndKind.Stop : RunEndKind.Cancel, $"by {look.Run.StopBy}"));
            }

            if (run.ToldFor > StatementPatience)
            {
                await store.EndSessionAsync(run.Row, cancellationToken);
                run.Tell(new RunEnd(RunEndKind.Lost, "it did not end by itself"));
                if (run.ToldFor > 2 * StatementPatience)
                {
                    runner.Abandon(run);
                }
            }
            else if (run.ToldFor > TokenPatience)
            {
                await store.CancelStatementAsync(run.Row, cancellationToken);
            }

            await store.SaveLogAsync(run, cancellationToken);
        }
    }

    /// <summary>Sees to a run, whoever has it: one whose lock is free is closed; one whose service is silent, or does not end it, loses its session first.</summary>
    private void SeeTo(JobLook look, RunRow run, IReadOnlySet<string> silent, IReadOnlyCollection<LiveRun> live)
    {
        if (run.Stop is not null)
        {
            _askedSince.TryAdd(run.Id, time.GetTimestamp());
        }

        var isHere = live.Any(own => own.Row.Id == run.Id);
        var isAskedInVain = _askedSince.TryGetValue(run.Id, out var askedAt) && time.GetElapsedTime(askedAt) > OthersPatience;
        if (look.Holder == 0)
        {
            Act(look.Job, cancellationToken => claims.RecoverAsync(look.Job.Id, cancellationToken));
        }
        else if (look.Holder == run.Backend && !isHere && (isAskedInVain || silent.Contains(run.Service)))
        {
            Act(look.Job, async cancellationToken =>
            {
                await store.EndSessionAsync(run, cancellationToken);
                LogTakenOver(logger, look.Job.Name, run.Id, run.Service);
                Wake();
            });
        }
    }

    /// <summary>Begins what is due, or enters it as skipped.</summary>
    /// <returns>When there is something to do again.</returns>
    private TimeSpan Begin(JobLook look, Job job, JobSchedule schedule)
    {
        var next = schedule.Next(look.Job.SlotsAfter(look.Now));
        var isDue = next <= look.Now;
        if (isDue && (look.Job.IsPaused || (look.Run is not null && look.Job.Misfire != Misfire.All)))
        {
            Act(look.Job, cancellationToken => claims.SkipDueAsync(look.Job.Id, cancellationToken));
        }
        else if (look.Run is null && !look.Job.IsPaused && (isDue || look.WantsResume))
        {
            Claim(look, job);
        }

        return isDue ? BusyPause : next is null ? IdlePause : next.Value - look.Now;
    }

    private void Claim(JobLook look, Job job)
    {
        if (look.Holder == 0)
        {
            Act(look.Job, async cancellationToken =>
            {
                if (!runner.TryReserve())
                {
                    return;
                }

                try
                {
                    if (await claims.ClaimAsync(job, look.Job.Id, order: null, cancellationToken) is { } claimed)
                    {
                        runner.Start(claimed);
                        Wake();
                    }
                }
                finally
                {
                    runner.GiveBack();
                }
            });
        }
    }

    /// <summary>Does something about a job, unless something is being done about it.</summary>
    private void Act(JobRow job, Func<CancellationToken, Task> action)
    {
        if ((!_acting.TryGetValue(job.Id, out var before) || before.IsCompleted) && !(_failed.TryGetValue(job.Id, out var failure) && time.GetElapsedTime(failure.At) < IdlePause))
        {
            _acting[job.Id] = Task.Run(() => ActAsync(job, action));
        }
    }

    private async Task ActAsync(JobRow job, Func<CancellationToken, Task> action)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(SessionSettings.StatementTimeoutSeconds), time);
        try
        {
            await action(patience.Token);
            _failed.TryRemove(job.Id, out _);
        }
        catch (Exception e)
        {
            NoteFailure(job, RunFailure.Describe(e));
        }
    }

    /// <summary>Says what is wrong, once. It is tried again.</summary>
    private void NoteFailure(JobRow job, string words)
    {
        if (!_failed.TryGetValue(job.Id, out var before) || before.Words != words)
        {
            LogActionFailed(logger, job.Name, words);
        }

        _failed[job.Id] = (words, time.GetTimestamp());
    }

    private JobSchedule? TryParse(JobRow job)
    {
        try
        {
            return job.ParseSchedule();
        }
        catch (JobRefusedException e)
        {
            NoteFailure(job, e.Message);
            return null;
        }
    }

    private void Tell(Exception error) => Tell(error is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused
        ? new JobsProblem($"the service's role may not use the tables of the jobs ({refused.MessageText}): as the database's owner run: grant twcache_jobs to {address.Role}", IsPassing: false)
        : new JobsProblem($"the database cannot be asked about the jobs: {DatabaseErrors.Describe(error)}", IsPassing: true));

    private void Tell(JobsProblem problem)
    {
        if (status.Note(problem))
        {
            LogProblem(logger, problem.Words);
        }
    }

    /// <summary>Where the database could not be looked at for too long, others may have taken over.</summary>
    private void TellCutOff()
    {
        if (time.GetElapsedTime(_lookedAt) > _options.LostAfter)
        {
            foreach (var run in runner.Live)
            {
                run.Tell(new RunEnd(RunEndKind.Lost, "the service is cut off from the database"));
            }
        }
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => other < ShortestPause ? ShortestPause : other < one ? other : one;

    [LoggerMessage(EventId = 7501, EventName = "JobsUnavailable", Level = LogLevel.Warning, Message = "No jobs are run: {Reason}.")]
    private static partial void LogProblem(ILogger logger, string reason);

    [LoggerMessage(EventId = 7502, EventName = "JobActionFailed", Level = LogLevel.Warning, Message = "Job {Job}: {Reason}. It is tried again.")]
    private static partial void LogActionFailed(ILogger logger, string job, string reason);

    [LoggerMessage(EventId = 7504, EventName = "JobSweepFailed", Level = LogLevel.Warning, Message = "Old runs of jobs were not deleted: {Reason}. It is tried again in ten minutes.")]
    private static partial void LogSweepFailed(ILogger logger, string reason);

    [LoggerMessage(EventId = 7503, EventName = "JobTakenOver", Level = LogLevel.Warning, Message = "Job {Job}: run {Run} of service {Service} is ended from here, because that service is silent, or does not end it.")]
    private static partial void LogTakenOver(ILogger logger, string job, long run, string service);
}
