using CacheService.Health;
using CacheService.Health.Protocol;
using CacheService.IntegrationTests.Hosting;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using HealthCheckRequest = Grpc.Health.V1.HealthCheckRequest;
using HealthCheckResponse = Grpc.Health.V1.HealthCheckResponse;
using HealthClient = Grpc.Health.V1.Health.HealthClient;
using ListedStatus = CacheService.Health.Protocol.HealthCheckResponse.Types.ServingStatus;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace CacheService.IntegrationTests.Health;

[TestFixture]
public sealed class ServingHealthTests
{
    private const string TweetCounts = "tweetcounts.v1.TweetCountsService";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private SwitchableStatus _status = null!;
    private GrpcTestServer _server = null!;
    private HealthClient _client = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _status = new SwitchableStatus();
        _server = await GrpcTestServer.StartAsync(
            services =>
            {
                services.AddGrpc();
                services.AddSingleton<IServingStatus>(_status);
                services.AddGrpcHealth();
            },
            endpoints =>
            {
                endpoints.MapGrpcHealthChecksService();
                endpoints.MapGrpcService<HealthList>();
            });
        _client = new HealthClient(_server.Channel);
    }

    [TearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Check_KnownService_FollowsTheStatus(
        [Values("", TweetCounts)] string service, [Values] bool serving)
    {
        _status.IsServing = serving;

        var response = await _client.CheckAsync(new HealthCheckRequest { Service = service });

        Assert.That(response.Status, Is.EqualTo(serving ? ServingStatus.Serving : ServingStatus.NotServing));
    }

    [Test]
    public async Task Check_UnknownService_IsNotFound()
    {
        var error = await RpcError.OfAsync(_client.CheckAsync(new HealthCheckRequest { Service = "no.Such" }));

        Assert.That(error.StatusCode, Is.EqualTo(StatusCode.NotFound));
        Assert.That(error.Status.Detail, Does.Contain("\"no.Such\""));
    }

    [Test]
    public async Task List_OfAllServices_HasTheirStatus()
    {
        _status.IsServing = true;

        var response = await ListAsync();

        Assert.That(response.Statuses.Keys, Is.EquivalentTo(["", TweetCounts]));
        Assert.That(response.Statuses.Values.Select(each => each.Status), Is.All.EqualTo(ListedStatus.Serving));
    }

    [Test]
    public async Task Watch_StatusChanges_SendsTheCurrentOneThenEachChangeOnce()
    {
        using var call = Watch(TweetCounts);
        Assert.That(await NextAsync(call), Is.EqualTo(ServingStatus.NotServing));

        for (var round = 0; round < 3; round++)
        {
            _status.Raise();
            _status.IsServing = !_status.IsServing;
            Assert.That(await NextAsync(call), Is.EqualTo(_status.IsServing ? ServingStatus.Serving : ServingStatus.NotServing));
        }
    }

    [Test]
    public async Task Watch_UnknownService_SaysSoAndStaysOpen()
    {
        using var call = Watch("no.Such");

        Assert.That(await NextAsync(call), Is.EqualTo(ServingStatus.ServiceUnknown));
        var next = call.ResponseStream.MoveNext();
        _status.IsServing = true;
        await ListAsync();
        Assert.That(next.IsCompleted, Is.False);
    }

    [Test]
    public async Task Watch_ClientCancels_OthersGoOn()
    {
        using var other = Watch("");
        Assert.That(await NextAsync(other), Is.EqualTo(ServingStatus.NotServing));
        using (var call = Watch(""))
            await NextAsync(call);

        _status.IsServing = true;

        Assert.That(await NextAsync(other), Is.EqualTo(ServingStatus.Serving));
    }

    [Test]
    public async Task Watch_ServerStops_SaysNotServingAndEnds()
    {
        _status.IsServing = true;
        using var call = Watch("");
        Assert.That(await NextAsync(call), Is.EqualTo(ServingStatus.Serving));

        using var timeout = new CancellationTokenSource(Patience);
        var stopped = _server.StopAsync(timeout.Token);

        Assert.That(await NextAsync(call), Is.EqualTo(ServingStatus.NotServing));
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            // Said once more, because the end itself says it too.
            while (await call.ResponseStream.MoveNext())
                Assert.That(call.ResponseStream.Current.Status, Is.EqualTo(ServingStatus.NotServing));
        });
        Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.Unavailable));
        await stopped;
        Assert.That(timeout.IsCancellationRequested, Is.False);
    }

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> call)
    {
        Assert.That(await call.ResponseStream.MoveNext().WaitAsync(Patience), Is.True);
        return call.ResponseStream.Current.Status;
    }

    private async Task<HealthListResponse> ListAsync() =>
        await _server.Channel.CreateCallInvoker().AsyncUnaryCall(HealthList.Method, null, new CallOptions(), new HealthListRequest());

    private AsyncServerStreamingCall<HealthCheckResponse> Watch(string service) =>
        _client.Watch(new HealthCheckRequest { Service = service });
}
