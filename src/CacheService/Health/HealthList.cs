using CacheService.Health.Protocol;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Grpc.HealthCheck;
using CheckRequest = Grpc.Health.V1.HealthCheckRequest;

namespace CacheService.Health;

/// <summary>The method of the standard health service that Grpc.AspNetCore.HealthChecks lacks.</summary>
internal sealed class HealthList(HealthServiceImpl health) : IServiceMethodProvider<HealthList>
{
    /// <summary>The method.</summary>
    public static Method<HealthListRequest, HealthListResponse> Method { get; } = new(
        MethodType.Unary,
        HealthReflection.Descriptor.Services.Single().FullName,
        "List",
        Marshallers.Create(static request => request.ToByteArray(), HealthListRequest.Parser.ParseFrom),
        Marshallers.Create(static response => response.ToByteArray(), HealthListResponse.Parser.ParseFrom));

    /// <inheritdoc/>
    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<HealthList> context) =>
        context.AddUnaryMethod(Method, [new HttpMethodMetadata(["POST"], acceptCorsPreflight: true)], static (list, _, call) => list.ListAsync(call));

    private async Task<HealthListResponse> ListAsync(ServerCallContext context)
    {
        var response = new HealthListResponse();
        foreach (var service in ServingHealth.Services)
        {
            var checkedNow = await health.Check(new CheckRequest { Service = service }, context);
            response.Statuses.Add(service, new HealthCheckResponse { Status = (HealthCheckResponse.Types.ServingStatus)checkedNow.Status });
        }

        return response;
    }
}
