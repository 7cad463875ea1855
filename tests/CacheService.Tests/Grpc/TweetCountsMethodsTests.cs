using CacheService.Grpc;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using TweetCounts.V1;

namespace CacheService.Tests.Grpc;

internal sealed class TweetCountsMethodsTests
{
    [Test]
    public async Task Methods_OfTheService_AreThoseOfTheContract()
    {
        await using var app = ServiceApp.Build(["--ConnectionStrings:Postgres=Host=127.0.0.1"]);

        var bound = ((IEndpointRouteBuilder)app).DataSources
            .SelectMany(source => source.Endpoints)
            .Select(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>())
            .Where(method => method?.ServiceType == typeof(TweetCountsGrpcService))
            .Select(method => (method!.Method.FullName, method.Method.Type));

        Assert.That(bound, Is.EquivalentTo(TweetCountsService.Descriptor.Methods.Select(method => (
            $"/{TweetCountsService.Descriptor.FullName}/{method.Name}", method.IsServerStreaming ? MethodType.ServerStreaming : MethodType.Unary))));
    }
}
