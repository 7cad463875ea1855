using Grpc.Core;
using Grpc.Core.Interceptors;

namespace CacheService.IntegrationTests.Compat;

/// <summary>On a client adds a header with the call's host, on a server a trailer with its method, to unary calls.</summary>
internal sealed class TagInterceptor : Interceptor
{
    private readonly string _key;

    public TagInterceptor(string key)
    {
        _key = key;
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        var headers = context.Options.Headers ?? [];
        headers.Add(_key, context.Host ?? "the channel's");
        var options = context.Options.WithHeaders(headers);
        return continuation(request, new ClientInterceptorContext<TRequest, TResponse>(context.Method, context.Host, options));
    }

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        var response = await continuation(request, context);
        context.ResponseTrailers.Add(_key, context.Method);
        return response;
    }
}
