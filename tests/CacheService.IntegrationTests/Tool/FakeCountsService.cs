using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Tool;

/// <summary>A service whose answers the test decides, and which keeps what it was asked.</summary>
internal sealed class FakeCountsService : TweetCountsService.TweetCountsServiceBase
{
    public RpcException? Failure { get; set; }

    public BatchGetCountsRequest? BatchRequest { get; private set; }

    public BatchGetCountsResponse Batch { get; set; } = new();

    public ListTopCountsRequest? TopRequest { get; private set; }

    public ListTopCountsResponse Top { get; set; } = new();

    public ListDailyCountsRequest? DaysRequest { get; private set; }

    public ListDailyCountsResponse Days { get; set; } = new();

    public Dictionary<long, GetMessageResponse> Messages { get; } = [];

    public GetStatusResponse Status { get; set; } = new();

    public ListCachesResponse Caches { get; set; } = new();

    public GetHistoryResponse History { get; set; } = new();

    public GetHistoryRequest? HistoryRequest { get; private set; }

    public AuditNowResponse Audit { get; set; } = new();

    public ReloadNowResponse Reload { get; set; } = new();

    public int Reloads { get; private set; }

    public override Task<BatchGetCountsResponse> BatchGetCounts(BatchGetCountsRequest request, ServerCallContext context)
    {
        BatchRequest = request;
        return Answer(Batch);
    }

    public override Task<ListTopCountsResponse> ListTopCounts(ListTopCountsRequest request, ServerCallContext context)
    {
        TopRequest = request;
        return Answer(Top);
    }

    public override Task<ListDailyCountsResponse> ListDailyCounts(ListDailyCountsRequest request, ServerCallContext context)
    {
        DaysRequest = request;
        return Answer(Days);
    }

    public override Task<GetMessageResponse> GetMessage(GetMessageRequest request, ServerCallContext context) =>
        Messages.TryGetValue(request.MessageId, out var message)
            ? Task.FromResult(message)
            : throw new RpcException(new Status(StatusCode.NotFound, "there is no such message"));

    public override Task<GetStatusResponse> GetStatus(GetStatusRequest request, ServerCallContext context) => Answer(Status);

    public override Task<ListCachesResponse> ListCaches(ListCachesRequest request, ServerCallContext context) => Answer(Caches);

    public override Task<GetHistoryResponse> GetHistory(GetHistoryRequest request, ServerCallContext context)
    {
        HistoryRequest = request;
        return Answer(History);
    }

    public override Task<AuditNowResponse> AuditNow(AuditNowRequest request, ServerCallContext context) => Answer(Audit);

    public override Task<ReloadNowResponse> ReloadNow(ReloadNowRequest request, ServerCallContext context)
    {
        Reloads++;
        return Answer(Reload);
    }

    private Task<T> Answer<T>(T answer) => Failure is null ? Task.FromResult(answer) : throw Failure;
}
