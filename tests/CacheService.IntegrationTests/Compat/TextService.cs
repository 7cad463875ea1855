using System.Text;
using Grpc.Core;

namespace CacheService.IntegrationTests.Compat;

/// <summary>A service without generated code: streams of strings from the client.</summary>
internal static class TextService
{
    public static readonly Method<string, string> Join =
        new(MethodType.ClientStreaming, "probe.Text", "Join", Marshallers.StringMarshaller, Marshallers.StringMarshaller);

    public static readonly Method<string, string> Upper =
        new(MethodType.DuplexStreaming, "probe.Text", "Upper", Marshallers.StringMarshaller, Marshallers.StringMarshaller);

    public static ServerServiceDefinition Definition => ServerServiceDefinition.CreateBuilder()
        .AddMethod(Join, JoinAsync)
        .AddMethod(Upper, UpperAsync)
        .Build();

    private static async Task<string> JoinAsync(IAsyncStreamReader<string> requestStream, ServerCallContext context)
    {
        var text = new StringBuilder();
        await foreach (var part in requestStream.ReadAllAsync(context.CancellationToken))
            text.Append(part);
        return text.ToString();
    }

    private static async Task UpperAsync(
        IAsyncStreamReader<string> requestStream, IServerStreamWriter<string> responseStream, ServerCallContext context)
    {
        await foreach (var word in requestStream.ReadAllAsync(context.CancellationToken))
            await responseStream.WriteAsync(word.ToUpperInvariant(), context.CancellationToken);
    }
}
