using CacheService.Client;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Security;

/// <summary>Calls that get in or do not.</summary>
internal static class SecureCalls
{
    /// <summary>The options of a client of one service.</summary>
    public static TweetCountsClientOptions Options(this Infrastructure.RunningService service) => new() { Addresses = { service.GrpcAddress }, DefaultDeadline = Infrastructure.RunningService.Patience };

    /// <summary>The status of a unary call.</summary>
    public static Task<Status> ReadAsync(this TweetCountsService.TweetCountsServiceClient client, params string[] authorization) =>
        StatusAsync(async () => await client.GetStatusAsync(new GetStatusRequest(), Headers(authorization), Deadline()));

    /// <summary>The status of a stream: OK once it has sent something.</summary>
    public static Task<Status> WatchAsync(this TweetCountsService.TweetCountsServiceClient client, params string[] authorization) => StatusAsync(async () =>
    {
        using var watch = client.WatchCounts(new WatchCountsRequest { All = true }, Headers(authorization), Deadline());
        Assert.That(await watch.ResponseStream.MoveNext(CancellationToken.None), Is.True);
    });

    public static async Task<Status> StatusAsync(Func<Task> call)
    {
        try
        {
            await call();
            return Status.DefaultSuccess;
        }
        catch (RpcException e)
        {
            return e.Status;
        }
    }

    /// <summary>Metadata with an API key.</summary>
    public static Metadata Headers(params string[] authorization)
    {
        var headers = new Metadata();
        foreach (var value in authorization)
        {
            headers.Add("authorization", value);
        }

        return headers;
    }

    private static DateTime Deadline() => DateTime.UtcNow + Infrastructure.RunningService.Patience;
}
