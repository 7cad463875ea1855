using CacheService.Client;
using CacheService.Tool.Service;
using Grpc.Core;

namespace CacheService.Tool.Watching;

/// <summary>Prints a watch as it comes, until it is stopped.</summary>
internal sealed class WatchLines(IUpdatePrinter printer)
{
    /// <exception cref="ToolException">The service will never let this be watched.</exception>
    public async Task RunAsync(ServiceConnection service, WatchOptions options, CancellationToken stop)
    {
        try
        {
            await foreach (var update in service.Client.WatchAsync(options, stop))
            {
                printer.Print(update);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Ctrl-C is the usual end.
        }
        catch (RpcException e)
        {
            throw new ToolException(service.Describe(e), e);
        }
    }
}
