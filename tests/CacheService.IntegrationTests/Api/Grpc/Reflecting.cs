using Google.Protobuf;
using Grpc.Core;
using Grpc.Reflection.V1;

namespace CacheService.IntegrationTests.Api.Grpc;

/// <summary>Reflection in each of its versions, which differ in nothing but the name.</summary>
internal static class Reflecting
{
    /// <summary>The one method of a version.</summary>
    /// <param name="version"><c>v1</c> or <c>v1alpha</c>.</param>
    public static Method<ServerReflectionRequest, ServerReflectionResponse> Method(string version) => new(
        MethodType.DuplexStreaming,
        $"grpc.reflection.{version}.ServerReflection",
        "ServerReflectionInfo",
        Marshallers.Create(static request => request.ToByteArray(), ServerReflectionRequest.Parser.ParseFrom),
        Marshallers.Create(static response => response.ToByteArray(), ServerReflectionResponse.Parser.ParseFrom));

    /// <summary>Opens a stream of questions.</summary>
    public static AsyncDuplexStreamingCall<ServerReflectionRequest, ServerReflectionResponse> Reflect(this ChannelBase channel, string version, Metadata? headers = null) =>
        channel.CreateCallInvoker().AsyncDuplexStreamingCall(Method(version), null, new CallOptions(headers));

    /// <summary>Asks one question.</summary>
    public static async Task<ServerReflectionResponse> AskAsync(
        this AsyncDuplexStreamingCall<ServerReflectionRequest, ServerReflectionResponse> call, ServerReflectionRequest request)
    {
        try
        {
            await call.RequestStream.WriteAsync(request);
        }
        catch (RpcException)
        {
            // A call that was refused before all was sent: the answer says why, and this may not.
        }

        Assert.That(await call.ResponseStream.MoveNext(CancellationToken.None), Is.True);
        return call.ResponseStream.Current;
    }
}
