using Grpc.Core;
using Grpc.Net.Client.Balancer;

namespace CacheService.Client.Connections;

/// <summary>Tells a balanced channel which servers there are.</summary>
internal sealed class ServersResolver(ServerList servers) : Resolver
{
    // The channel's own: what it says to servers that are addressed otherwise, and asks their certificates for.
    private static readonly BalancerAttributesKey<string> HostOverride = new("HostOverride");

    private readonly Lock _lock = new();
    private Action<ResolverResult>? _listener;

    public override void Start(Action<ResolverResult> listener)
    {
        _listener = listener;
        servers.Changed += Tell;
        _ = servers.BeginAsync();
        Tell();
    }

    public override void Refresh() => servers.LookUpSoon();

    protected override void Dispose(bool disposing)
    {
        servers.Changed -= Tell;
        base.Dispose(disposing);
    }

    private void Tell()
    {
        // So that the last to tell knows the newest.
        lock (_lock)
        {
            if (servers.Current is { Count: > 0 } found)
            {
                _listener!(ResolverResult.ForResult([.. found.Select(AddressOf)]));
            }
            else if (servers.Failure is { } reason)
            {
                _listener!(ResolverResult.ForFailure(new Status(StatusCode.Unavailable, reason)));
            }
        }
    }

    private static BalancerAddress AddressOf(ServerAddress server)
    {
        var address = new BalancerAddress(server.Found?.ToString() ?? server.Name.Host, server.Name.Port);
        if (server.Found is not null)
        {
            address.Attributes.Set(HostOverride, server.Name.Authority);
        }

        return address;
    }
}
