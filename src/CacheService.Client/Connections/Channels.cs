using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.Logging;

namespace CacheService.Client.Connections;

/// <summary>Makes channels: for reads, balanced over all servers; and to a single server, for watches.</summary>
internal sealed class Channels(TweetCountsClientOptions options, ServerList servers, ILoggerFactory loggers)
{
    // HTTP/2 pings find a server whose machine is gone, which closes no connection, also while no call is waiting.
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>A channel to all servers in turn.</summary>
    public GrpcChannel ToAll()
    {
        if (servers is { IsFixed: true, Current: [var only] })
        {
            // Without the balancer's pauses between attempts to connect: a server that is back is found by the next call.
            return To(only);
        }

        var settings = Settings(Connections());

        settings.ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { new RoundRobinConfig() } };
        var isSecure = servers.Name.Scheme == Uri.UriSchemeHttps;
        settings.Credentials ??= isSecure ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure;
        settings.ServiceProvider = new ResolverServices(servers, loggers);
        return GrpcChannel.ForAddress($"{ResolverServices.Scheme}:///tweetcounts", settings);
    }

    /// <summary>A channel to one server.</summary>
    public GrpcChannel To(ServerAddress server)
    {
        var connections = Connections();
        if (server.Found is { } found)
        {
            // The name stays what certificates are held against.
            connections.ConnectCallback = (context, cancellationToken) => ConnectAsync(new IPEndPoint(found, context.DnsEndPoint.Port), cancellationToken);
        }

        return GrpcChannel.ForAddress(server.Name, Settings(connections));
    }

    private static async ValueTask<Stream> ConnectAsync(IPEndPoint server, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(server, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private SocketsHttpHandler Connections() => new()
    {
        ConnectTimeout = ConnectTimeout,
        EnableMultipleHttp2Connections = true,
        KeepAlivePingDelay = PingDelay,
        KeepAlivePingTimeout = PingTimeout,
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
        SslOptions = Tls(),
    };

    private GrpcChannelOptions Settings(SocketsHttpHandler connections)
    {
        var settings = new GrpcChannelOptions
        {
            HttpHandler = options.ApiKey is { } key ? new ApiKeyHandler(key, connections) : connections,
            DisposeHttpClient = true,
            InitialReconnectBackoff = RetryPauses.First,
            MaxReconnectBackoff = options.MaxBackoff,
            LoggerFactory = loggers,
        };
        options.ConfigureChannel?.Invoke(settings);
        return settings;
    }

    private SslClientAuthenticationOptions Tls()
    {
        var tls = new SslClientAuthenticationOptions();
        if (options.CertificateAuthorities is { } authorities)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        if (options.ClientCertificate is { } certificate)
        {
            // Sent whichever authorities the server names; offline: no search for the certificates between it and its authority.
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
        }

        return tls;
    }
}
