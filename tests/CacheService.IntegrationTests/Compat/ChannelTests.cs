using System.IO.Compression;
using CacheService.IntegrationTests.Hosting;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Grpc.Net.Compression;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Compat;

/// <summary>The server and the client packages do their work over the gRPC abstractions of this solution: everything around a call.</summary>
[TestFixture]
public sealed class ChannelTests
{
    private static readonly GetCountsRequest Request = new() { MessageId = 1 };

    [Test]
    public async Task Interceptors_OnBothSides_SeeTheCallInTheirOrder()
    {
        var probe = new ProbeService();
        await using var server = await StartAsync(probe);
        var invoker = server.Channel.Intercept(new TagInterceptor("first"), new TagInterceptor("second"));

        using var call = new TweetCountsService.TweetCountsServiceClient(invoker).GetCountsAsync(Request);
        await call;

        var tags = probe.Calls.Single().Headers.Where(header => header.Value == "the channel's").Select(header => header.Key);
        Assert.That(string.Join(", ", tags), Is.EqualTo("first, second"));
        Assert.That(call.GetTrailers().GetValue("on-server"), Is.EqualTo("/tweetcounts.v1.TweetCountsService/GetCounts"));
    }

    [Test]
    public async Task HeaderInterceptor_OnChannel_ReplacesHeaders()
    {
        var probe = new ProbeService();
        await using var server = await StartAsync(probe);
        var invoker = server.Channel.Intercept(headers => [.. headers, new Metadata.Entry("tenant", "t1")]);

        await new TweetCountsService.TweetCountsServiceClient(invoker).GetCountsAsync(Request, new Metadata { { "own", "o1" } });

        Assert.That(probe.Calls.Single().Headers.GetValue("own"), Is.EqualTo("o1"));
        Assert.That(probe.Calls.Single().Headers.GetValue("tenant"), Is.EqualTo("t1"));
    }

    [TestCase("gzip")]
    [TestCase("deflate")]
    public async Task Compression_AskedForBothWays_IsUsedBothWays(string encoding)
    {
        var probe = new ProbeService();
        await using var server = await StartAsync(probe, encoding);
        using var handler = new RecordingHandler();
        using var channel = GrpcChannel.ForAddress(server.Address, new GrpcChannelOptions { HttpHandler = handler });
        var ids = Enumerable.Range(1, 1000).Select(id => (long)id).ToList();

        var response = await new TweetCountsService.TweetCountsServiceClient(channel).BatchGetCountsAsync(
            new BatchGetCountsRequest { MessageIds = { ids } },
            new Metadata { { "grpc-internal-encoding-request", encoding } });

        Assert.That(response.Counts.Select(counts => counts.MessageId), Is.EqualTo(ids));
        Assert.That(probe.Calls.Single().Encoding, Is.EqualTo(encoding));
        Assert.That(handler.Last!.Headers.GetValues("grpc-encoding").Single(), Is.EqualTo(encoding));
    }

    [Test]
    public async Task CallCredentials_Composed_AddTheirHeaders()
    {
        var probe = new ProbeService();
        await using var server = await StartAsync(probe);
        var options = new GrpcChannelOptions { Credentials = ChannelCredentials.Insecure, UnsafeUseInsecureChannelCallCredentials = true };
        using var channel = GrpcChannel.ForAddress(server.Address, options);
        var credentials = CallCredentials.Compose(Header("authorization", context => context.MethodName), Header("second", _ => "2"));

        await new TweetCountsService.TweetCountsServiceClient(channel).GetCountsAsync(Request, new CallOptions(credentials: credentials));

        Assert.That(probe.Calls.Single().Headers.GetValue("authorization"), Is.EqualTo("GetCounts"));
        Assert.That(probe.Calls.Single().Headers.GetValue("second"), Is.EqualTo("2"));
    }

    [Test]
    public async Task LoadBalancing_RoundRobin_ReachesEveryServer()
    {
        var probes = new[] { new ProbeService(), new ProbeService() };
        await using var first = await StartAsync(probes[0]);
        await using var second = await StartAsync(probes[1]);
        await using var services = new ServiceCollection()
            .AddSingleton<ResolverFactory>(new StaticResolverFactory(_ => [AddressOf(first), AddressOf(second)]))
            .BuildServiceProvider();
        using var channel = GrpcChannel.ForAddress("static:///servers", new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Insecure,
            ServiceProvider = services,
            ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { new RoundRobinConfig() } },
        });
        var client = new TweetCountsService.TweetCountsServiceClient(channel);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        // The balancer starts with the server that it reached first.
        while (probes.Any(probe => probe.Calls.IsEmpty))
            await client.GetCountsAsync(Request, cancellationToken: timeout.Token);

        Assert.That(channel.State, Is.EqualTo(ConnectivityState.Ready));
    }

    [Test]
    public async Task Retries_AfterUnavailable_AnswerTheCall()
    {
        var probe = new ProbeService();
        await using var server = await StartAsync(probe);
        var retries = new RetryPolicy
        {
            MaxAttempts = 3,
            InitialBackoff = TimeSpan.FromMilliseconds(1),
            MaxBackoff = TimeSpan.FromMilliseconds(1),
            BackoffMultiplier = 1,
            RetryableStatusCodes = { StatusCode.Unavailable },
        };
        var config = new ServiceConfig { MethodConfigs = { new MethodConfig { Names = { MethodName.Default }, RetryPolicy = retries } } };
        using var channel = GrpcChannel.ForAddress(server.Address, new GrpcChannelOptions { ServiceConfig = config });

        await new TweetCountsService.TweetCountsServiceClient(channel).GetCountsAsync(
            new GetCountsRequest { MessageId = ProbeService.FailsOnce });

        Assert.That(probe.Calls, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Client_WithHost_HandsItToTheInvoker()
    {
        var probe = new ProbeService();
        await using var server = await StartAsync(probe);
        var client = new TweetCountsService.TweetCountsServiceClient(server.Channel.Intercept(new TagInterceptor("host-seen")));

        await client.WithHost("counts.example").GetCountsAsync(Request);

        Assert.That(probe.Calls.Single().Headers.GetValue("host-seen"), Is.EqualTo("counts.example"));
    }

    private static BalancerAddress AddressOf(GrpcTestServer server) => new(server.Address.Host, server.Address.Port);

    private static CallCredentials Header(string key, Func<AuthInterceptorContext, string> value) =>
        CallCredentials.FromInterceptor((context, metadata) =>
        {
            metadata.Add(key, value(context));
            return Task.CompletedTask;
        });

    private static Task<GrpcTestServer> StartAsync(ProbeService probe, string? encoding = null) => GrpcTestServer.StartAsync(
        services =>
        {
            services.AddSingleton(probe);
            services.AddGrpc(options =>
            {
                options.ResponseCompressionAlgorithm = encoding;
                options.ResponseCompressionLevel = CompressionLevel.Fastest;
                options.Interceptors.Add<TagInterceptor>("on-server");
                if (encoding == "deflate")
                    options.CompressionProviders.Add(new DeflateCompressionProvider(CompressionLevel.Fastest));
            });
        },
        endpoints => endpoints.MapGrpcService<ProbeService>());
}
