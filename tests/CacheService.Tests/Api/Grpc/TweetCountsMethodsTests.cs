using CacheService.Api.Grpc;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using TweetCounts.V1;

namespace CacheService.Tests.Api.Grpc;

internal sealed class TweetCountsMethodsTests
{
    [Test]
    public async Task Methods_OfTheService_AreThoseOfTheContract()
    {
        await using var app = ServiceApp.Build(["--ConnectionStrings:Postgres=Host=127.0.0.1"]);

        var endpoints = ((IEndpointRouteBuilder)app).DataSources
            .SelectMany(source => source.Endpoints)
            .Where(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()?.ServiceType == typeof(TweetCountsGrpcService))
            .ToList();

        Assert.That(endpoints.Select(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods), Is.All.EqualTo(new[] { "POST" }));
        var methods = endpoints.Select(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()!.Method);
        Assert.That(methods.Select(method => (method.FullName, method.Type)), Is.EquivalentTo(TweetCountsService.Descriptor.Methods.Select(method => (
            $"/{TweetCountsService.Descriptor.FullName}/{method.Name}", method.IsClientStreaming ? MethodType.DuplexStreaming : method.IsServerStreaming ? MethodType.ServerStreaming : MethodType.Unary))));
    }
}
