using Grpc.Net.Client.Balancer;
using Microsoft.Extensions.Logging;

namespace CacheService.Client.Connections;

/// <summary>The two services that a balanced channel looks up, without a container.</summary>
internal sealed class ResolverServices(IEnumerable<Uri> addresses, ILoggerFactory loggers) : IServiceProvider
{
    private readonly ResolverFactory[] _resolvers =
    [
        new StaticResolverFactory(_ => addresses.Select(address => new BalancerAddress(address.Host, address.Port))),
    ];

    public object? GetService(Type serviceType)
    {
        if (serviceType == typeof(IEnumerable<ResolverFactory>))
        {
            return _resolvers;
        }

        if (serviceType == typeof(IEnumerable<LoadBalancerFactory>))
        {
            return Array.Empty<LoadBalancerFactory>();
        }

        return serviceType == typeof(ILoggerFactory) ? loggers : null;
    }
}
