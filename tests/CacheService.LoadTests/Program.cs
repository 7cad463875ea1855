using CacheService.LoadTests.Options;
using CacheService.LoadTests.Redis;
using CacheService.LoadTests.Reporting;
using CacheService.LoadTests.Rpc;

namespace CacheService.LoadTests;

internal static class Program
{
    // What has been started still has to be stopped.
    private static readonly TimeSpan TimeToEnd = TimeSpan.FromSeconds(20);

    public static Task<int> Main(string[] args) => args is [RpcHost.Verb, .. var settings]
        ? RpcHost.RunAsync(settings)
        : args is [RedisWriter.Verb, .. var where] ? RedisWriter.RunAsync(where)
        : new LoadTestCommand(OutputConsole.Create()).Parse(args).InvokeAsync(new() { ProcessTerminationTimeout = TimeToEnd });
}
