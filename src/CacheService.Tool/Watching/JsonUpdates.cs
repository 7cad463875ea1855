using CacheService.Client;
using CacheService.Tool.Output;

namespace CacheService.Tool.Watching;

/// <summary>One line of JSON for each update.</summary>
internal sealed class JsonUpdates(Terminal terminal) : IUpdatePrinter
{
    public void Print(WatchUpdate update) => JsonOutput.WriteLine(terminal, update switch
    {
        WatchUpdate.Connected connected => new { Kind = "connected", connected.Address },
        WatchUpdate.Reset reset => new { Kind = "reset", Freshness = JsonOutput.Of(reset.Freshness) },
        WatchUpdate.Changes changes => new
        {
            Kind = "changes",
            Counts = changes.Counts.Select(JsonOutput.Of),
            changes.RemovedMessageIds,
            changes.Coalesced,
            Freshness = JsonOutput.Of(changes.Freshness),
        },
        WatchUpdate.Synced synced => new { Kind = "synced", Freshness = JsonOutput.Of(synced.Freshness) },
        WatchUpdate.Heartbeat heartbeat => new { Kind = "heartbeat", Freshness = JsonOutput.Of(heartbeat.Freshness) },
        WatchUpdate.Disconnected disconnected => new
        {
            Kind = "disconnected",
            Status = disconnected.Status.ToString(),
            disconnected.Reason,
            RetrySeconds = disconnected.RetryIn.TotalSeconds,
        },
        _ => throw new InvalidOperationException($"{update} has no JSON."),
    });
}
