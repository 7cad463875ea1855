using Grpc.Net.Client.Balancer;
using Microsoft.Extensions.Logging;

namespace CacheService.Client.Connections;

/// <summary>The two services that a balanced channel looks up, without a container.</summary>
internal sealed class ResolverServices(ServerList servers, ILoggerFactory loggers) : IServiceProvider
{
    /// <summary>The scheme of the addresses that are resolved to the servers.</summary>
    public const string Scheme = "servers";

    private readonly ResolverFactory[] _resolvers = [new Factory(servers)];

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

    private sealed class Factory(ServerList servers) : ResolverFactory
    {
        public override string Name => Scheme;

        public override Resolver Create(ResolverOptions options) => new ServersResolver(servers);
    }
}
