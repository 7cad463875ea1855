using CacheService.Client;
using CacheService.Tool.Output;

namespace CacheService.Tool.Watching;

/// <summary>Lines separated by tabs, as those of <c>get</c>; what is no count goes to the error stream.</summary>
internal sealed class PlainUpdates(Terminal terminal) : IUpdatePrinter
{
    private string? _lastReason;
    private FeedState? _lastState;

    public void Print(WatchUpdate update)
    {
        switch (update)
        {
            case WatchUpdate.Changes changes:
                foreach (var counts in changes.Counts)
                {
                    terminal.Print($"{counts.MessageId}\t{counts.Retweets}\t{counts.Likes}\t{counts.Revision}");
                }

                foreach (var messageId in changes.RemovedMessageIds)
                {
                    terminal.Print($"{messageId}\tremoved");
                }

                break;
            case WatchUpdate.Reset:
                terminal.Note("all counts follow");
                break;
            case WatchUpdate.Synced synced:
                FreshnessLine.Print(terminal, synced.Freshness);
                (_lastReason, _lastState) = (null, synced.Freshness.State);
                break;
            case WatchUpdate.Heartbeat { Freshness: var freshness } when freshness.State != _lastState:
                FreshnessLine.Print(terminal, freshness);
                _lastState = freshness.State;
                break;

            // One line for an outage, however many attempts it takes.
            case WatchUpdate.Disconnected { Reason: var reason } when reason != _lastReason:
                terminal.Fail($"not connected: {reason.TrimEnd('.')}; trying again");
                _lastReason = reason;
                break;
        }
    }
}
