using CacheService.Client;

namespace CacheService.Tool.Watching;

/// <summary>Prints the updates of a watch for other programs.</summary>
internal interface IUpdatePrinter
{
    void Print(WatchUpdate update);
}
