using System.Collections.Frozen;

namespace CacheService.Security;

/// <summary>Which right each gRPC method asks for.</summary>
internal static class MethodRights
{
    private const string Counts = "/tweetcounts.v1.TweetCountsService";
    private const string Jobs = "/tweetcounts.v1.JobsService";

    private static readonly FrozenDictionary<string, Rights> Table = new Dictionary<string, Rights>
    {
        [$"{Counts}/GetCounts"] = Rights.Read,
        [$"{Counts}/BatchGetCounts"] = Rights.Read,
        [$"{Counts}/ReadCounts"] = Rights.Read,
        [$"{Counts}/ListTopCounts"] = Rights.Read,
        [$"{Counts}/ListDailyCounts"] = Rights.Read,
        [$"{Counts}/GetMessage"] = Rights.Read,
        [$"{Counts}/GetStatus"] = Rights.Read,
        [$"{Counts}/GetHistory"] = Rights.Read,
        [$"{Counts}/ListCaches"] = Rights.Read,
        [$"{Counts}/WatchCounts"] = Rights.Watch,
        [$"{Counts}/AuditNow"] = Rights.Admin,
        [$"{Counts}/ReloadNow"] = Rights.Admin,
        [$"{Jobs}/ListJobs"] = Rights.Read,
        [$"{Jobs}/ListRuns"] = Rights.Read,
        [$"{Jobs}/GetRun"] = Rights.Read,
        [$"{Jobs}/GetOutput"] = Rights.Read,
        [$"{Jobs}/ListActions"] = Rights.Read,
        [$"{Jobs}/StartJob"] = Rights.Jobs,
        [$"{Jobs}/StopRun"] = Rights.Jobs,
        [$"{Jobs}/CancelRun"] = Rights.Jobs,
        [$"{Jobs}/ResumeRun"] = Rights.Jobs,
        [$"{Jobs}/RestartRun"] = Rights.Jobs,
        [$"{Jobs}/RetryItems"] = Rights.Jobs,
        [$"{Jobs}/IgnoreItems"] = Rights.Jobs,
        [$"{Jobs}/PauseJob"] = Rights.Jobs,
        [$"{Jobs}/UnpauseJob"] = Rights.Jobs,
        [$"{Jobs}/ScheduleJob"] = Rights.Jobs,
        ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] = Rights.Read,
        ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] = Rights.Read,
        // Who balances load has no key, and learns nothing but whether to send calls here.
        ["/grpc.health.v1.Health/Check"] = Rights.None,
        ["/grpc.health.v1.Health/List"] = Rights.None,
        ["/grpc.health.v1.Health/Watch"] = Rights.None,
    }.ToFrozenDictionary();

    /// <summary>Whether somebody has thought about this method.</summary>
    public static bool Knows(string method) => Table.ContainsKey(method);

    /// <summary>The right that a method asks for, <see cref="Rights.None"/> where anybody may call it; of a method that is not listed, the highest.</summary>
    public static Rights Of(string method) => Table.GetValueOrDefault(method, Rights.Admin);
}

/// <summary>Marks an endpoint that serves a gRPC method over HTTP, and so asks for the same right.</summary>
/// <param name="FullName">Such as <c>/tweetcounts.v1.TweetCountsService/GetCounts</c>.</param>
internal sealed record ServesMethod(string FullName);
