using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Grpc;

/// <summary>The handlers of <c>tweetcounts.v1.JobsService</c>.</summary>
internal sealed class JobsGrpcService(JobCalls calls) : JobsService.JobsServiceBase
{
    public override Task<ListJobsResponse> ListJobs(ListJobsRequest request, ServerCallContext context) => calls.ListJobsAsync(context.CancellationToken);

    public override Task<ListRunsResponse> ListRuns(ListRunsRequest request, ServerCallContext context) => calls.ListRunsAsync(request, context.CancellationToken);

    public override Task<GetRunResponse> GetRun(GetRunRequest request, ServerCallContext context) => calls.GetRunAsync(request, context.CancellationToken);

    public override Task<GetOutputResponse> GetOutput(GetOutputRequest request, ServerCallContext context) => calls.GetOutputAsync(request, context.CancellationToken);

    public override Task<ListActionsResponse> ListActions(ListActionsRequest request, ServerCallContext context) => calls.ListActionsAsync(request, context.CancellationToken);

    public override Task<RunResponse> StartJob(StartJobRequest request, ServerCallContext context) => calls.StartJobAsync(request, Callers.NameOf(context));

    public override Task<RunResponse> StopRun(StopRunRequest request, ServerCallContext context) => calls.StopRunAsync(request, Callers.NameOf(context));

    public override Task<RunResponse> CancelRun(StopRunRequest request, ServerCallContext context) => calls.CancelRunAsync(request, Callers.NameOf(context));

    public override Task<RunResponse> ResumeRun(ResumeRunRequest request, ServerCallContext context) => calls.ResumeRunAsync(request, Callers.NameOf(context));

    public override Task<RunResponse> RestartRun(RestartRunRequest request, ServerCallContext context) => calls.RestartRunAsync(request, Callers.NameOf(context));

    public override Task<RunResponse> RetryItems(RetryItemsRequest request, ServerCallContext context) => calls.RetryItemsAsync(request, Callers.NameOf(context));

    public override Task<IgnoreItemsResponse> IgnoreItems(IgnoreItemsRequest request, ServerCallContext context) => calls.IgnoreItemsAsync(request, Callers.NameOf(context));

    public override Task<JobResponse> PauseJob(PauseJobRequest request, ServerCallContext context) => calls.PauseJobAsync(request, Callers.NameOf(context));

    public override Task<JobResponse> UnpauseJob(UnpauseJobRequest request, ServerCallContext context) => calls.UnpauseJobAsync(request, Callers.NameOf(context));

    public override Task<JobResponse> ScheduleJob(ScheduleJobRequest request, ServerCallContext context) => calls.ScheduleJobAsync(request, Callers.NameOf(context));
}
