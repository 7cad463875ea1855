using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1;
using HealthClient = Grpc.Health.V1.Health.HealthClient;
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
        _service = await RunningService.StartAsync(_database.ConnectionString);
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
        var response = await new HealthClient(_service.Channel).ListAsync(new HealthListRequest());

        Assert.That(response.Statuses, Has.Count.EqualTo(2));
        Assert.That(response.Statuses.Values.Select(each => each.Status), Is.All.EqualTo(ServingStatus.Serving));
    }

    [Test]
    public async Task Reflection_Asked_NamesEveryService()
    {
        using var call = new ServerReflection.ServerReflectionClient(_service.Channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.That(await call.ResponseStream.MoveNext(), Is.True);

        Assert.That(
            call.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name),
            Is.EqualTo(["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "tweetcounts.v1.TweetCountsService"]));
    }
}
