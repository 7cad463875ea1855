using CacheService.Api.Messages;
using CacheService.Jobs;
using TweetCounts.V1;
using Enum = System.Enum;

namespace CacheService.Api;

/// <summary>Carries out what is asked of jobs, in the terms of the messages, by whatever protocol.</summary>
internal sealed class JobCalls(JobReader reader, JobControls controls, JobsStatus status)
{
    public async Task<ListJobsResponse> ListJobsAsync(CancellationToken cancelled) => JobReplies.Jobs(await reader.ListJobsAsync("", cancelled));

    public async Task<ListRunsResponse> ListRunsAsync(ListRunsRequest request, CancellationToken cancelled) =>
        JobReplies.Runs(await reader.ListRunsAsync(request.Job, Known<RunState, JobRunState>(request.State), request.Before, request.Limit, cancelled));

    public async Task<GetRunResponse> GetRunAsync(GetRunRequest request, CancellationToken cancelled)
    {
        var run = await reader.GetRunAsync(request.Id, cancelled);
        return JobReplies.Run(
            run,
            await reader.ListItemsAsync(run.Id, Known<ItemState, JobItemState>(request.ItemState), request.ItemLimit, cancelled),
            await reader.CountItemsAsync(run.Id, cancelled),
            await reader.ListLogAsync(run.Id, request.LogAfter, cancelled),
            await reader.ListOutputsAsync(run.Id, cancelled));
    }

    public async Task<GetOutputResponse> GetOutputAsync(GetOutputRequest request, CancellationToken cancelled) => JobReplies.Output(await reader.GetOutputAsync(request.RunId, request.Name, cancelled));

    public async Task<ListActionsResponse> ListActionsAsync(ListActionsRequest request, CancellationToken cancelled) =>
        JobReplies.Actions(await reader.ListActionsAsync(request.Job, request.Before, request.Limit, cancelled));

    public async Task<RunResponse> StartJobAsync(StartJobRequest request, string caller) => JobReplies.Run(
        await Required().StartAsync(request.Job, new Dictionary<string, string>(request.Parameters), request.DryRun, request.IdempotencyKey, caller));

    /// <inheritdoc cref="JobControls.RequireStartableAsync"/>
    public Task<IReadOnlyDictionary<string, string>> RequireStartableAsync(StartJobRequest request, CancellationToken cancelled) => Required().RequireStartableAsync(
        request.Job, new Dictionary<string, string>(request.Parameters), cancelled);

    public async Task<RunResponse> StopRunAsync(StopRunRequest request, string caller) => JobReplies.Run(await Required().StopAsync(request.Id, StopKind.Stop, caller, request.Reason));

    public async Task<RunResponse> CancelRunAsync(StopRunRequest request, string caller) => JobReplies.Run(await Required().StopAsync(request.Id, StopKind.Cancel, caller, request.Reason));

    public async Task<RunResponse> ResumeRunAsync(ResumeRunRequest request, string caller) => JobReplies.Run(await Required().ResumeAsync(request.Id, caller));

    public async Task<RunResponse> RestartRunAsync(RestartRunRequest request, string caller) => JobReplies.Run(await Required().RestartAsync(request.Id, caller));

    public async Task<RunResponse> RetryItemsAsync(RetryItemsRequest request, string caller) => JobReplies.Run(await Required().RetryAsync(request.RunId, request.Keys, caller));

    public async Task<IgnoreItemsResponse> IgnoreItemsAsync(IgnoreItemsRequest request, string caller) => new() { Ignored = await Required().IgnoreAsync(request.RunId, request.Keys, caller) };

    public async Task<JobResponse> PauseJobAsync(PauseJobRequest request, string caller) => JobReplies.Job(await Required().PauseAsync(request.Job, request.Reason, caller));

    public async Task<JobResponse> UnpauseJobAsync(UnpauseJobRequest request, string caller) => JobReplies.Job(await Required().UnpauseAsync(request.Job, caller));

    public async Task<JobResponse> ScheduleJobAsync(ScheduleJobRequest request, string caller)
    {
        var change = new ScheduleChange
        {
            Schedule = request.Schedule,
            TimeZone = request.TimeZone is { Length: > 0 } zone ? zone : null,
            Misfire = Known<Misfire, MisfireRule>(request.Misfire),
            Parameters = request.Parameters is null ? null : new Dictionary<string, string>(request.Parameters.Values),
        };
        return JobReplies.Job(await Required().ScheduleAsync(request.Job, change, caller));
    }

    private JobControls Required()
    {
        status.Require();
        return controls;
    }

    /// <summary>The same by another enum, in which the first says nothing.</summary>
    private static TOurs? Known<TOurs, TTheirs>(TTheirs value)
        where TOurs : struct, Enum
        where TTheirs : struct, Enum =>
        Convert.ToInt32(value, null) == 0 ? null
        : Enum.TryParse<TOurs>(value.ToString(), out var known) && Enum.IsDefined(known) ? known
        : throw JobRefusedException.BadRequest($"{value} is no {typeof(TTheirs).Name} that this service knows");
}
