using Grpc.Core;
using Grpc.Health.V1;
using TweetCounts.V1;
using HealthBase = Grpc.Health.V1.Health.HealthBase;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace CacheService.Health;

/// <summary>The standard health service: the server, and its one service of its own, serve while <see cref="IServingStatus"/> says so.</summary>
internal sealed class HealthService : HealthBase
{
    /// <summary>How long a change may go unnoticed by a watcher.</summary>
    public static readonly TimeSpan WatchPeriod = TimeSpan.FromMilliseconds(250);

    private static readonly string[] Services = ["", TweetCountsService.Descriptor.FullName];

    private readonly IServingStatus _status;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly TimeProvider _time;

    public HealthService(IServingStatus status, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        _status = status;
        _lifetime = lifetime;
        _time = time;
    }

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        var status = StatusOf(request.Service);
        return status == ServingStatus.ServiceUnknown
            ? throw new RpcException(new Status(StatusCode.NotFound, $"There is no service \"{request.Service}\"; List names them all."))
            : Task.FromResult(new HealthCheckResponse { Status = status });
    }

    public override Task<HealthListResponse> List(HealthListRequest request, ServerCallContext context)
    {
        var response = new HealthListResponse();
        foreach (var service in Services)
            response.Statuses.Add(service, new HealthCheckResponse { Status = StatusOf(service) });
        return Task.FromResult(response);
    }

    public override async Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        // A status has no event to wait for: feeds also go stale because nothing happens.
        using var timer = new PeriodicTimer(WatchPeriod, _time);

        // A disposed timer ends the wait at once and without an exception.
        await using var cancelled = context.CancellationToken.Register(timer.Dispose);
        await using var stopping = _lifetime.ApplicationStopping.Register(timer.Dispose);

        ServingStatus? sent = null;
        do
        {
            sent = await SendChangeAsync(sent);
        }
        while (await timer.WaitForNextTickAsync());

        if (!context.CancellationToken.IsCancellationRequested)
        {
            await SendChangeAsync(sent);
            context.Status = new Status(StatusCode.Unavailable, "The server is shutting down.");
        }

        async Task<ServingStatus> SendChangeAsync(ServingStatus? last)
        {
            var status = StatusOf(request.Service);
            if (status != last)
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status }, context.CancellationToken);
            return status;
        }
    }

    private ServingStatus StatusOf(string service)
    {
        if (!Services.Contains(service))
            return ServingStatus.ServiceUnknown;

        var stopping = _lifetime.ApplicationStopping.IsCancellationRequested;
        return _status.IsServing && !stopping ? ServingStatus.Serving : ServingStatus.NotServing;
    }
}
