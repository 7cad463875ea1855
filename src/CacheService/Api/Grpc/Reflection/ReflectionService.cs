using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;

namespace CacheService.Api.Grpc.Reflection;

/// <summary>The standard reflection service over a <see cref="DescriptorIndex"/>.</summary>
internal sealed class ReflectionService : ServerReflection.ServerReflectionBase
{
    private readonly DescriptorIndex _index;
    private readonly IHostApplicationLifetime _lifetime;

    public ReflectionService(DescriptorIndex index, IHostApplicationLifetime lifetime)
    {
        _index = index;
        _lifetime = lifetime;
    }

    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<ServerReflectionRequest> requestStream,
        IServerStreamWriter<ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        // A client that keeps its stream open must not hold up a shutdown.
        var stopping = _lifetime.ApplicationStopping;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, stopping);
        try
        {
            await foreach (var request in requestStream.ReadAllAsync(ended.Token))
                await responseStream.WriteAsync(Answer(request), context.CancellationToken);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
        {
            context.Status = new Status(StatusCode.Unavailable, "The server is shutting down.");
        }
    }

    private static void AnswerFile(ServerReflectionResponse response, FileDescriptor? file, string asked)
    {
        if (file is null)
        {
            AnswerError(response, StatusCode.NotFound, $"There is no {asked}.");
            return;
        }

        response.FileDescriptorResponse = new FileDescriptorResponse();
        response.FileDescriptorResponse.FileDescriptorProto.AddRange(
            DescriptorIndex.WithDependencies(file).Select(each => each.SerializedData));
    }

    private static void AnswerError(ServerReflectionResponse response, StatusCode code, string message) =>
        response.ErrorResponse = new ErrorResponse { ErrorCode = (int)code, ErrorMessage = message };

    private ServerReflectionResponse Answer(ServerReflectionRequest request)
    {
        var response = new ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case ServerReflectionRequest.MessageRequestOneofCase.ListServices:
                response.ListServicesResponse = new ListServiceResponse();
                response.ListServicesResponse.Service.AddRange(_index.ServiceNames.Select(name => new ServiceResponse { Name = name }));
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileByFilename:
                AnswerFile(response, _index.FindFile(request.FileByFilename), $"file \"{request.FileByFilename}\"");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol:
                AnswerFile(response, _index.FindSymbol(request.FileContainingSymbol), $"symbol \"{request.FileContainingSymbol}\"");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingExtension:
                var extension = request.FileContainingExtension;
                AnswerFile(
                    response,
                    _index.FindExtension(extension.ContainingType, extension.ExtensionNumber),
                    $"extension {extension.ExtensionNumber} of \"{extension.ContainingType}\"");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType:
                AnswerExtensionNumbers(response, request.AllExtensionNumbersOfType);
                break;
            default:
                AnswerError(response, StatusCode.InvalidArgument, "The request asks for nothing: set one field of message_request.");
                break;
        }

        return response;
    }

    private void AnswerExtensionNumbers(ServerReflectionResponse response, string message)
    {
        if (_index.FindExtensionNumbers(message) is { } numbers)
        {
            response.AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = message };
            response.AllExtensionNumbersResponse.ExtensionNumber.AddRange(numbers);
        }
        else
        {
            AnswerError(response, StatusCode.NotFound, $"There is no message \"{message}\".");
        }
    }
}
