using CacheService.IntegrationTests.Infrastructure;
using CacheService.Jobs;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;
using Job = CacheService.Jobs.Job;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>A service that runs jobs, and what tests ask of it.</summary>
internal static class JobsHost
{
    public static readonly TimeSpan Patience = RunningService.Patience;

    /// <summary>Starts one that runs jobs of the test beside those that are built in.</summary>
    public static async Task<RunningService> StartAsync(string connectionString, IEnumerable<Job> jobs, params string[] settings)
    {
        var service = await RunningService.StartWithAsync(
            services =>
            {
                foreach (var job in jobs)
                {
                    services.AddSingleton(job);
                }
            },
            connectionString,
            ["--Jobs:Enabled=true", "--Rollup:Interval=00:00:10", .. settings]);
        // A run that was told to end has less than a second for it.
        service.ErrorOfStalls = ("JobAbandoned", TimeSpan.FromMilliseconds(100), new MachineLag());
        await service.WaitForLiveAsync();
        await Wait.UntilAsync(() => service.Services.GetRequiredService<JobsStatus>().Problem is null, Patience, "jobs are run");
        return service;
    }

    public static TweetCounts.V1.JobsService.JobsServiceClient Jobs(this RunningService service) => new(service.Channel);

    public static async Task<long> StartJobAsync(this RunningService service, string job, params (string Name, string Value)[] parameters)
    {
        var request = new StartJobRequest { Job = job };
        foreach (var (name, value) in parameters)
        {
            request.Parameters.Add(name, value);
        }

        return (await service.Jobs().StartJobAsync(request)).Run.Id;
    }

    public static async Task<GetRunResponse> GetRunAsync(this RunningService service, long id) => await service.Jobs().GetRunAsync(new GetRunRequest { Id = id, ItemLimit = 1000 });

    /// <summary>What a call is refused with.</summary>
    public static async Task<Status> RefusalAsync(Func<Task> call) => (await Assert.ThrowsAsync<RpcException>(() => call()))!.Status;

    /// <summary>Waits until a run has ended.</summary>
    public static async Task<GetRunResponse> WaitForEndAsync(this RunningService service, long id)
    {
        GetRunResponse run = null!;
        await Wait.UntilAsync(async () => (run = await service.GetRunAsync(id)).Run.State != JobRunState.Running, Patience, $"run {id} has ended");
        return run;
    }

    /// <summary>Waits until another run resumes, restarts or retries this one, and has ended.</summary>
    public static async Task<GetRunResponse> WaitForFollowerAsync(this RunningService service, long id)
    {
        TweetCounts.V1.JobRun? follower = null;
        await Wait.UntilAsync(
            async () => (follower = (await service.Jobs().ListRunsAsync(new ListRunsRequest())).Runs.FirstOrDefault(run => run.OfRun == id)) is not null, Patience, $"another run follows run {id}");
        return await service.WaitForEndAsync(follower!.Id);
    }
}
