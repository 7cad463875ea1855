using CacheService.Api;
using CacheService.Api.Grpc;
using CacheService.Health;
using CacheService.IntegrationTests.Hosting;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using HealthClient = Grpc.Health.V1.Health.HealthClient;
using HealthListRequest = CacheService.Health.Protocol.HealthListRequest;
using ListedStatus = CacheService.Health.Protocol.HealthCheckResponse.Types.ServingStatus;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace CacheService.IntegrationTests.Api.Grpc;

/// <summary>The whole service has the standard services of gRPC, over its own feed and descriptors.</summary>
internal sealed class StandardServicesTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, "--Feed:StaleAfter=00:01:00");
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Health_FeedIsLive_IsServing()
    {
        var response = await _service.Channel.CreateCallInvoker().AsyncUnaryCall(HealthList.Method, null, new CallOptions(), new HealthListRequest());

        Assert.That(response.Statuses, Has.Count.EqualTo(2));
        Assert.That(response.Statuses.Values.Select(each => each.Status), Is.All.EqualTo(ListedStatus.Serving));
    }

    [Test]
    public async Task Health_UnknownMethod_IsUnimplemented()
    {
        var unknown = new Method<HealthListRequest, HealthListRequest>(
            MethodType.Unary, HealthList.Method.ServiceName, "Nothing", HealthList.Method.RequestMarshaller, HealthList.Method.RequestMarshaller);

        var error = await Assert.ThrowsAsync<RpcException>(
            () => _service.Channel.CreateCallInvoker().AsyncUnaryCall(unknown, null, new CallOptions(), new HealthListRequest()).ResponseAsync);

        Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.Unimplemented));
    }

    [Test]
    public async Task HealthWatch_FeedBecomesLive_SaysSo()
    {
        await using var database = await TestDatabase.CreateAsync();
        var gate = await new TestDatabaseGate(database).CloseAsync();
        await using var service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        using var watch = new HealthClient(service.Channel).Watch(new HealthCheckRequest());
        Assert.That(await NextAsync(watch), Is.EqualTo(ServingStatus.NotServing));

        await gate.DisposeAsync();

        Assert.That(await NextAsync(watch), Is.EqualTo(ServingStatus.Serving));
        Assert.That(service.Status.IsServing);
    }

    [Test]
    public async Task Reflection_AskedForServices_NamesEveryOne([Values("v1", "v1alpha")] string version)
    {
        using var call = _service.Channel.Reflect(version);
        var response = await call.AskAsync(new ServerReflectionRequest { ListServices = "" });

        Assert.That(
            response.ListServicesResponse.Service.Select(service => service.Name),
            Is.EqualTo(["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "tweetcounts.v1.JobsService", "tweetcounts.v1.TweetCountsService"]));
    }

    [Test]
    public async Task Reflection_AskedForSymbols_DescribesThem(
        [Values("v1", "v1alpha")] string version,
        [Values(
            "grpc.health.v1.Health.List", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "tweetcounts.v1.TweetCountsService.GetCounts", "tweetcounts.v1.FeedState")]
        string symbol)
    {
        using var call = _service.Channel.Reflect(version);
        var response = await call.AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });

        var files = response.FileDescriptorResponse.FileDescriptorProto.Select(FileDescriptorProto.Parser.ParseFrom).ToList();
        Assert.That(symbol, Does.StartWith($"{files[0].Package}."), "the file itself is the first");
        Assert.That(files.SelectMany(file => file.Dependency), Is.SubsetOf(files.Select(file => file.Name)), "with all that it depends on");
    }

    [Test]
    public async Task Reflection_AskedForTheUnknown_SaysSoAndGoesOn([Values("v1", "v1alpha")] string version)
    {
        using var call = _service.Channel.Reflect(version);

        var response = await call.AskAsync(new ServerReflectionRequest { FileContainingSymbol = "no.Such" });
        Assert.That((StatusCode)response.ErrorResponse.ErrorCode, Is.EqualTo(StatusCode.NotFound));
        response = await call.AskAsync(new ServerReflectionRequest { FileByFilename = "tweetcounts/v1/tweet_counts.proto" });
        Assert.That(response.FileDescriptorResponse.FileDescriptorProto, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task Reflection_StreamLeftOpenWhenTheServerStops_HoldsNothingUp([Values("v1", "v1alpha")] string version)
    {
        // A server that would wait longer for its streams than the test does.
        await using var server = await GrpcTestServer.StartAsync(
            services =>
            {
                services.AddGrpc(grpc => grpc.Interceptors.Add<ErrorInterceptor>());
                services.AddGrpcReflection();
                services.AddSingleton(new DatabaseAddress("Host=localhost"));
                services.AddSingleton<CallErrors>();
                services.Configure<HostOptions>(host => host.ShutdownTimeout = RunningService.Patience * 2);
            },
            endpoints => endpoints.MapGrpcReflectionService());
        using var call = server.Channel.Reflect(version);
        await call.AskAsync(new ServerReflectionRequest { ListServices = "" });

        var next = call.ResponseStream.MoveNext(CancellationToken.None);
        await server.StopAsync(CancellationToken.None).WaitAsync(RunningService.Patience);

        // Not always UNAVAILABLE: the end of the connection may reach the client before the trailers are read.
        Assert.That(async () => await next, Throws.TypeOf<RpcException>());
    }

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> call)
    {
        Assert.That(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RunningService.Patience), Is.True);
        return call.ResponseStream.Current.Status;
    }
}
