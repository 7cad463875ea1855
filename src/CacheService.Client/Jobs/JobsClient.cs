using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Client.Jobs;

/// <summary>
/// Looks at jobs, and does something with them: the right Read is for looking, Jobs for doing. What is asked of one server holds for all servers of its database. Questions are tried again where a server is
/// away, as reads are; what does something is sent once, because it may have been done although its answer did not come, but for a start with an idempotency key. Thread-safe.
/// </summary>
/// <remarks>
/// Every method throws an <see cref="RpcException"/> where it fails: FAILED_PRECONDITION where the server runs no jobs, where a job is paused or under way, or where a run has ended already; NOT_FOUND where
/// there is no such job, run, item or output; INVALID_ARGUMENT for schedules, parameters and limits that cannot be. Status.Detail says what to do.
/// </remarks>
public sealed class JobsClient
{
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(200);

    private readonly TweetCountsClient _client;
    private readonly TimeProvider _time;

    internal JobsClient(TweetCountsClient client, TimeProvider time) => (_client, _time) = (client, time);

    /// <summary>All jobs, by name.</summary>
    public async Task<IReadOnlyList<Job>> ListAsync(CancellationToken cancellationToken = default) =>
        [.. (await AskAsync((jobs, call) => jobs.ListJobsAsync(new ListJobsRequest(), call), cancellationToken).ConfigureAwait(false)).Jobs.Select(JobWire.Of)];

    /// <summary>Runs, the latest first; skipped slots are among them.</summary>
    /// <param name="job">Of which job; null: of all.</param>
    /// <param name="state">Only in this state.</param>
    /// <param name="before">Only runs with lower numbers, for the next page.</param>
    /// <param name="limit">How many at most, up to 1,000.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<JobRun>> ListRunsAsync(string? job = null, JobRunState? state = null, long? before = null, int limit = 50, CancellationToken cancellationToken = default)
    {
        var request = new ListRunsRequest { Job = job ?? "", State = JobWire.To(state), Before = before ?? 0, Limit = limit };
        return [.. (await AskAsync((jobs, call) => jobs.ListRunsAsync(request, call), cancellationToken).ConfigureAwait(false)).Runs.Select(JobWire.Of)];
    }

    /// <summary>One run, with its items and its log.</summary>
    /// <param name="runId">Its number.</param>
    /// <param name="itemState">Only items in this state.</param>
    /// <param name="itemLimit">How many items at most, up to 1,000.</param>
    /// <param name="logAfter">Only lines of the log after this one.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<JobRunDetails> GetRunAsync(long runId, JobItemState? itemState = null, int itemLimit = 50, int logAfter = 0, CancellationToken cancellationToken = default)
    {
        var request = new GetRunRequest { Id = runId, ItemState = JobWire.To(itemState), ItemLimit = itemLimit, LogAfter = logAfter };
        return JobWire.Of(await AskAsync((jobs, call) => jobs.GetRunAsync(request, call), cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Something that a run has made.</summary>
    public async Task<JobOutput> GetOutputAsync(long runId, string name, CancellationToken cancellationToken = default)
    {
        var output = await AskAsync((jobs, call) => jobs.GetOutputAsync(new GetOutputRequest { RunId = runId, Name = name }, call), cancellationToken).ConfigureAwait(false);
        return new JobOutput(output.Name, output.ContentType, output.Content);
    }

    /// <summary>Who did what, the latest first.</summary>
    /// <param name="job">With which job; null: with all.</param>
    /// <param name="before">Only actions with lower numbers, for the next page.</param>
    /// <param name="limit">How many at most, up to 1,000.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<JobAction>> ListActionsAsync(string? job = null, long? before = null, int limit = 50, CancellationToken cancellationToken = default)
    {
        var request = new ListActionsRequest { Job = job ?? "", Before = before ?? 0, Limit = limit };
        return [.. (await AskAsync((jobs, call) => jobs.ListActionsAsync(request, call), cancellationToken).ConfigureAwait(false)).Actions.Select(JobWire.Of)];
    }

    /// <summary>Starts a job now, and answers when the run has begun.</summary>
    /// <param name="job">Its name.</param>
    /// <param name="parameters">In place of what the job is told else.</param>
    /// <param name="isDryRun">Whether it only says what it would do.</param>
    /// <param name="idempotencyKey">Whoever calls again with the same key gets the same run, for as long as that is kept: up to 200 characters. Null: each call starts one.</param>
    /// <param name="cancellationToken">Ends the wait; the run goes on.</param>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: the server has as many runs under way as it may. Others: see <see cref="JobsClient"/>.</exception>
    public Task<JobRun> StartAsync(
        string job, IReadOnlyDictionary<string, string>? parameters = null, bool isDryRun = false, string? idempotencyKey = null, CancellationToken cancellationToken = default)
    {
        var request = new StartJobRequest { Job = job, DryRun = isDryRun, IdempotencyKey = idempotencyKey ?? "" };
        request.Parameters.Add(parameters?.ToDictionary() ?? []);
        return RunOfAsync((jobs, call) => jobs.StartJobAsync(request, call), cancellationToken, isRepeatable: !string.IsNullOrEmpty(idempotencyKey));
    }

    /// <summary>Waits until a run has ended.</summary>
    public async Task<JobRun> WaitUntilEndedAsync(long runId, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var run = (await GetRunAsync(runId, itemLimit: 1, logAfter: int.MaxValue, cancellationToken: cancellationToken).ConfigureAwait(false)).Run;
            if (run.State != JobRunState.Running)
            {
                return run;
            }

            await Task.Delay(LookPause, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends a run, whatever it does and wherever it runs, and answers when it has ended. It can be resumed.</summary>
    public Task<JobRun> StopAsync(long runId, string reason = "", CancellationToken cancellationToken = default) =>
        RunOfAsync((jobs, call) => jobs.StopRunAsync(new StopRunRequest { Id = runId, Reason = reason }, call), cancellationToken);

    /// <summary>Ends a run likewise, for good.</summary>
    public Task<JobRun> CancelAsync(long runId, string reason = "", CancellationToken cancellationToken = default) =>
        RunOfAsync((jobs, call) => jobs.CancelRunAsync(new StopRunRequest { Id = runId, Reason = reason }, call), cancellationToken);

    /// <summary>Goes on, in a new run, where one that was stopped, that failed or that was lost had got to.</summary>
    public Task<JobRun> ResumeAsync(long runId, CancellationToken cancellationToken = default) =>
        RunOfAsync((jobs, call) => jobs.ResumeRunAsync(new ResumeRunRequest { Id = runId }, call), cancellationToken);

    /// <summary>Does once more from the beginning, in a new run, what one has done, or was skipped. One that is under way is cancelled.</summary>
    public Task<JobRun> RestartAsync(long runId, CancellationToken cancellationToken = default) =>
        RunOfAsync((jobs, call) => jobs.RestartRunAsync(new RestartRunRequest { Id = runId }, call), cancellationToken);

    /// <summary>Tries failed items of a run again, in a new run. What comes of it is entered in the items of the first.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="keys">The items; null: all that have failed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<JobRun> RetryItemsAsync(long runId, IEnumerable<string>? keys = null, CancellationToken cancellationToken = default)
    {
        var request = new RetryItemsRequest { RunId = runId, Keys = { keys ?? [] } };
        return RunOfAsync((jobs, call) => jobs.RetryItemsAsync(request, call), cancellationToken);
    }

    /// <summary>Says of failed items that they are no matter.</summary>
    /// <returns>How many.</returns>
    public async Task<int> IgnoreItemsAsync(long runId, IEnumerable<string> keys, CancellationToken cancellationToken = default)
    {
        var request = new IgnoreItemsRequest { RunId = runId, Keys = { keys } };
        return (await TellAsync((jobs, call) => jobs.IgnoreItemsAsync(request, call), cancellationToken).ConfigureAwait(false)).Ignored;
    }

    /// <summary>Lets nothing of a job start any more. What is under way goes on.</summary>
    public async Task<Job> PauseAsync(string job, string reason = "", CancellationToken cancellationToken = default) =>
        JobWire.Of((await TellAsync((jobs, call) => jobs.PauseJobAsync(new PauseJobRequest { Job = job, Reason = reason }, call), cancellationToken).ConfigureAwait(false)).Job);

    /// <summary>Lets a job start again. What was due meanwhile stays skipped.</summary>
    public async Task<Job> UnpauseAsync(string job, CancellationToken cancellationToken = default) =>
        JobWire.Of((await TellAsync((jobs, call) => jobs.UnpauseJobAsync(new UnpauseJobRequest { Job = job }, call), cancellationToken).ConfigureAwait(false)).Job);

    /// <summary>Changes when a job runs, and what it is told.</summary>
    public async Task<Job> ScheduleAsync(string job, JobScheduleChange change, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        var request = JobWire.To(job, change);
        return JobWire.Of((await TellAsync((jobs, call) => jobs.ScheduleJobAsync(request, call), cancellationToken).ConfigureAwait(false)).Job);
    }

    private async Task<JobRun> RunOfAsync(Func<JobsService.JobsServiceClient, CallOptions, AsyncUnaryCall<RunResponse>> method, CancellationToken cancellationToken, bool isRepeatable = false) =>
        JobWire.Of((await (isRepeatable ? AskAsync(method, cancellationToken) : TellAsync(method, cancellationToken)).ConfigureAwait(false)).Run);

    private Task<TResponse> AskAsync<TResponse>(Func<JobsService.JobsServiceClient, CallOptions, AsyncUnaryCall<TResponse>> method, CancellationToken cancellationToken) =>
        _client.CallJobsAsync(method, isRepeatable: true, cancellationToken);

    private Task<TResponse> TellAsync<TResponse>(Func<JobsService.JobsServiceClient, CallOptions, AsyncUnaryCall<TResponse>> method, CancellationToken cancellationToken) =>
        _client.CallJobsAsync(method, isRepeatable: false, cancellationToken);
}
