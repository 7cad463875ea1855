using Grpc.Core;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using TweetCounts.V1;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace CacheService.Health;

/// <summary>The statuses of the standard health service: the server, and its one service of its own, serve while <see cref="IServingStatus"/> says so.</summary>
internal sealed class ServingHealth : HealthServiceImpl
{
    private readonly Lock _lock = new();
    private readonly IServingStatus _status;
    private readonly IHostApplicationLifetime _lifetime;

    public ServingHealth(IServingStatus status, IHostApplicationLifetime lifetime)
    {
        _status = status;
        _lifetime = lifetime;
        _status.Changed += Refresh;
        _lifetime.ApplicationStopping.Register(Refresh);
    }

    /// <summary>The names of the services that have a status; the empty one stands for the server.</summary>
    public static IReadOnlyList<string> Services { get; } = ["", TweetCountsService.Descriptor.FullName];

    private bool IsStopping => _lifetime.ApplicationStopping.IsCancellationRequested;

    /// <summary>The status of a service now.</summary>
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        if (!Services.Contains(request.Service))
        {
            throw new RpcException(new Status(StatusCode.NotFound, $"There is no service \"{request.Service}\"; List names them all."));
        }

        Refresh();
        return base.Check(request, context);
    }

    /// <summary>The status of a service now, and each change.</summary>
    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        Refresh();
        await base.Watch(request, responseStream, context);
        if (IsStopping)
        {
            context.Status = new Status(StatusCode.Unavailable, "The server is shutting down.");
        }
    }

    private void Refresh()
    {
        // Looked at and set in one: an older look never replaces a newer one.
        lock (_lock)
        {
            var status = _status.IsServing && !IsStopping ? ServingStatus.Serving : ServingStatus.NotServing;
            foreach (var service in Services)
            {
                SetStatus(service, status);
            }
        }
    }
}
