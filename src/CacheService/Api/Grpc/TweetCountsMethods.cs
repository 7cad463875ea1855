using CacheService.Api.Grpc.Serialization;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Grpc;

/// <summary>
/// Binds the methods of the API to their handlers. In place of the generated base class, for which the answers of all methods are generated messages: here some are
/// encoded by their handler.
/// </summary>
internal sealed class TweetCountsMethods : IServiceMethodProvider<TweetCountsGrpcService>
{
    // As for generated services: other verbs are 405.
    private static readonly object[] Metadata = [new HttpMethodMetadata(["POST"], acceptCorsPreflight: true)];

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<TweetCountsGrpcService> context)
    {
        Add<GetCountsRequest, EncodedReply>("GetCounts", EncodedReply.Marshaller, static (service, request, call) => service.GetCounts(request, call));
        Add<BatchGetCountsRequest, EncodedReply>("BatchGetCounts", EncodedReply.Marshaller, static (service, request, call) => service.BatchGetCounts(request, call));
        Add<ListTopCountsRequest, ListTopCountsResponse>("ListTopCounts", Messages<ListTopCountsResponse>(), static (service, request, call) => service.ListTopCounts(request, call));
        Add<ListDailyCountsRequest, ListDailyCountsResponse>("ListDailyCounts", Messages<ListDailyCountsResponse>(), static (service, request, call) => service.ListDailyCounts(request, call));
        Add<GetMessageRequest, GetMessageResponse>("GetMessage", Messages<GetMessageResponse>(), static (service, request, call) => service.GetMessage(request, call));
        Add<GetStatusRequest, GetStatusResponse>("GetStatus", Messages<GetStatusResponse>(), static (service, request, call) => service.GetStatus(request, call));
        Add<GetHistoryRequest, GetHistoryResponse>("GetHistory", Messages<GetHistoryResponse>(), static (service, request, call) => service.GetHistory(request, call));
        Add<ListCachesRequest, ListCachesResponse>("ListCaches", Messages<ListCachesResponse>(), static (service, request, call) => service.ListCaches(request, call));
        Add<AuditNowRequest, AuditNowResponse>("AuditNow", Messages<AuditNowResponse>(), static (service, request, call) => service.AuditNow(request, call));
        Add<ReloadNowRequest, ReloadNowResponse>("ReloadNow", Messages<ReloadNowResponse>(), static (service, request, call) => service.ReloadNow(request, call));
        context.AddDuplexStreamingMethod(
            Method(MethodType.DuplexStreaming, "ReadCounts", Messages<ReadCountsRequest>(), EncodedReply.Marshaller), Metadata,
            static (service, requests, stream, call) => service.ReadCounts(requests, stream, call));
        context.AddServerStreamingMethod(
            Method(MethodType.ServerStreaming, "WatchCounts", Messages<WatchCountsRequest>(), WatchCall.Marshaller), Metadata,
            static (service, request, stream, call) => service.WatchCounts(request, stream, call));

        void Add<TRequest, TResponse>(string name, Marshaller<TResponse> answers, UnaryServerMethod<TweetCountsGrpcService, TRequest, TResponse> handler)
            where TRequest : class, IMessage<TRequest>, new()
            where TResponse : class =>
            context.AddUnaryMethod(Method(MethodType.Unary, name, Messages<TRequest>(), answers), Metadata, handler);
    }

    private static Method<TRequest, TResponse> Method<TRequest, TResponse>(MethodType type, string name, Marshaller<TRequest> requests, Marshaller<TResponse> answers) =>
        new(type, TweetCountsService.Descriptor.FullName, name, requests, answers);

    // As the generated code does.
    private static Marshaller<T> Messages<T>()
        where T : IMessage<T>, new()
    {
        var parser = new MessageParser<T>(static () => new T());
        return Marshallers.Create(
            static (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence()));
    }
}
