using System.Net.Sockets;
using CacheService.Api.Watches;
using CacheService.Auditing;
using CacheService.Jobs;
using CacheService.Metrics;
using CacheService.Postgres;
using CacheService.Reading;
using CacheService.Reloading;
using CacheService.Watching;
using Grpc.Core;
using Npgsql;

namespace CacheService.Api;

/// <summary>What a caller of any API is told of an exception: one of gRPC's codes, and words of ours only. What else there is to know goes to the log.</summary>
internal sealed partial class CallErrors(DatabaseAddress address, ILogger<CallErrors> logger)
{
    /// <summary>The status of a call that failed.</summary>
    /// <param name="error">What its handler threw.</param>
    /// <param name="method">Its name, for the log.</param>
    /// <param name="isCancelled">Whether its caller has gone, or its deadline has passed.</param>
    public Status StatusOf(Exception error, string method, bool isCancelled)
    {
        var status = Describe(error, method, isCancelled);
        Instruments.CallErrors.Increment(status.StatusCode);
        return status;
    }

    private Status Describe(Exception error, string method, bool isCancelled)
    {
        switch (error)
        {
            case ReadRefusedException refused:
                return new Status(CodeOf(refused.Refusal), refused.Message);
            case JobRefusedException refused:
                return new Status(CodeOf(refused.Refusal), refused.Message);
            case AuditUnavailableException or ReloadUnavailableException:
                return new Status(StatusCode.Unavailable, error.Message);
            case StreamEndedException ended:
                return new Status(ended.Code, error.Message);
            case TooManySubscriptionsException:
                return new Status(StatusCode.ResourceExhausted, error.Message);
            // To write to a caller that has gone is an invalid operation.
            case OperationCanceledException or InvalidOperationException or IOException when isCancelled:
                return new Status(StatusCode.Cancelled, "the call was cancelled");
            case PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused:
                LogDatabase(logger, method, DatabaseErrors.Describe(error));
                return new Status(StatusCode.FailedPrecondition, DatabaseErrors.DescribeMissingRight(refused, address.Role));
            case PostgresException { SqlState: PostgresErrorCodes.QueryCanceled }:
                LogDatabase(logger, method, DatabaseErrors.Describe(error));
                return new Status(StatusCode.Unavailable, "the database did not answer in time: tables may be locked; try again in a moment");
            case PostgresException permanent when DatabaseErrors.IsPermanent(permanent):
                LogDatabase(logger, method, DatabaseErrors.Describe(error));
                return new Status(StatusCode.FailedPrecondition, $"the database cannot answer this: {permanent.MessageText}; the tables are not what the service needs");
            case NpgsqlException or SocketException or TimeoutException:
                LogDatabase(logger, method, DatabaseErrors.Describe(error));
                return new Status(StatusCode.Unavailable, "the database cannot be asked right now; try again in a moment");
            default:
                LogUnexpected(logger, method, error);
                return new Status(StatusCode.Internal, "the service failed; its log says why");
        }
    }

    private static StatusCode CodeOf(ReadRefusal refusal) => refusal switch
    {
        ReadRefusal.BadRequest => StatusCode.InvalidArgument,
        ReadRefusal.NoSuchMessage => StatusCode.NotFound,
        ReadRefusal.TextTooLong or ReadRefusal.TooManyWaiting or ReadRefusal.TooManyDatabaseReads or ReadRefusal.DatabaseReadTooLong => StatusCode.ResourceExhausted,
        ReadRefusal.TransactionInProgress or ReadRefusal.NoDays or ReadRefusal.NoDatabase => StatusCode.FailedPrecondition,
        ReadRefusal.TransactionNeverAssigned => StatusCode.OutOfRange,
        _ => StatusCode.Unavailable,
    };

    private static StatusCode CodeOf(JobRefusal refusal) => refusal switch
    {
        JobRefusal.BadRequest => StatusCode.InvalidArgument,
        JobRefusal.NotFound => StatusCode.NotFound,
        JobRefusal.NotNow => StatusCode.FailedPrecondition,
        JobRefusal.TooMany => StatusCode.ResourceExhausted,
        _ => StatusCode.Unavailable,
    };

    [LoggerMessage(EventId = 3001, EventName = "DatabaseUnavailable", Level = LogLevel.Warning, Message = "{Method}: {Reason}")]
    private static partial void LogDatabase(ILogger logger, string method, string reason);

    [LoggerMessage(EventId = 3002, EventName = "HandlerFailed", Level = LogLevel.Error, Message = "{Method} failed.")]
    private static partial void LogUnexpected(ILogger logger, string method, Exception exception);
}
