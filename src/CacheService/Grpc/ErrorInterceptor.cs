using System.Net.Sockets;
using CacheService.Auditing;
using CacheService.Feed;
using CacheService.Messages;
using CacheService.Postgres;
using CacheService.Watching;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Npgsql;

namespace CacheService.Grpc;

/// <summary>Turns exceptions into gRPC errors. A caller sees words of ours only; what else there is to know goes to the log.</summary>
internal sealed partial class ErrorInterceptor(DatabaseAddress address, IHostApplicationLifetime lifetime, ILogger<ErrorInterceptor> logger) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(new SentMessages<TRequest>(requestStream, lifetime.ApplicationStopping), responseStream, context);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    private RpcException Translate(Exception error, ServerCallContext context)
    {
        switch (error)
        {
            case RequirementNotMetException unmet:
                return new RpcException(new Status(CodeOf(unmet.Failure), unmet.Message));
            case AuditUnavailableException:
                return new RpcException(new Status(StatusCode.Unavailable, error.Message));
            case TooManySubscriptionsException:
                return new RpcException(new Status(StatusCode.ResourceExhausted, error.Message));
            // A caller that has gone, or whose deadline has passed. To write to it then is an invalid operation.
            case OperationCanceledException or InvalidOperationException or IOException when context.CancellationToken.IsCancellationRequested:
                return new RpcException(new Status(StatusCode.Cancelled, "the call was cancelled"));
            case TextTooLongException:
                return new RpcException(new Status(StatusCode.ResourceExhausted, error.Message));
            case PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused:
                LogDatabase(logger, context.Method, DatabaseErrors.Describe(error));
                return new RpcException(new Status(StatusCode.FailedPrecondition, DatabaseErrors.DescribeMissingRight(refused, address.Role)));
            case PostgresException { SqlState: PostgresErrorCodes.QueryCanceled }:
                LogDatabase(logger, context.Method, DatabaseErrors.Describe(error));
                return new RpcException(new Status(StatusCode.Unavailable, "the database did not answer in time: tables may be locked; try again in a moment"));
            case PostgresException permanent when DatabaseErrors.IsPermanent(permanent):
                LogDatabase(logger, context.Method, DatabaseErrors.Describe(error));
                return new RpcException(new Status(StatusCode.FailedPrecondition, $"the database cannot answer this: {permanent.MessageText}; the tables are not what the service needs"));
            case NpgsqlException or SocketException or TimeoutException:
                LogDatabase(logger, context.Method, DatabaseErrors.Describe(error));
                return new RpcException(new Status(StatusCode.Unavailable, "the database cannot be asked right now; try again in a moment"));
            default:
                LogUnexpected(logger, context.Method, error);
                return new RpcException(new Status(StatusCode.Internal, "the service failed; its log says why"));
        }
    }

    private static StatusCode CodeOf(RequirementFailure failure) => failure switch
    {
        RequirementFailure.TransactionInProgress => StatusCode.FailedPrecondition,
        RequirementFailure.TransactionNeverAssigned => StatusCode.OutOfRange,
        _ => StatusCode.Unavailable,
    };

    [LoggerMessage(EventId = 3001, EventName = "DatabaseUnavailable", Level = LogLevel.Warning, Message = "{Method}: {Reason}")]
    private static partial void LogDatabase(ILogger logger, string method, string reason);

    [LoggerMessage(EventId = 3002, EventName = "HandlerFailed", Level = LogLevel.Error, Message = "{Method} failed.")]
    private static partial void LogUnexpected(ILogger logger, string method, Exception exception);
}
