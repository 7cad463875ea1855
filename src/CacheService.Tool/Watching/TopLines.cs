using CacheService.Client;
using CacheService.Tool.Output;
using CacheService.Tool.Service;

namespace CacheService.Tool.Watching;

/// <summary>A ranking that changes, for other programs: the whole ranking as one line of JSON, or a line for each rank that is new or has changed.</summary>
internal sealed class TopLines(Terminal terminal, TimeProvider time, bool json)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Prints, at most once a second, until it is stopped.</summary>
    /// <exception cref="ToolException">The service will never let this be watched.</exception>
    public async Task RunAsync(ServiceConnection service, TopOrder order, int limit, CancellationToken stop)
    {
        await using var mirror = service.Client.StartMirror(WatchOptions.All);
        using var timer = new PeriodicTimer(Interval, time);
        MessageCounts[] before = [];
        var detail = "";
        try
        {
            while (mirror.State != MirrorState.Failed)
            {
                if (mirror.Detail != detail)
                {
                    detail = mirror.Detail;
                    terminal.Note(detail.Length > 0 ? $"{CommandLine.Name}: {PlainText.OneLine(detail)}" : "LIVE");
                }

                var now = Rank(mirror, order, limit);
                if (!now.SequenceEqual(before))
                {
                    Print(now, before, mirror.Freshness!);
                    before = now;
                }

                await timer.WaitForNextTickAsync(stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }

        throw new ToolException(mirror.Detail);
    }

    private static MessageCounts[] Rank(CountsMirror mirror, TopOrder order, int limit) =>
    [
        .. TopRows.Highest(mirror, order, limit).Select(id => mirror.TryGet(id, out var counts) ? counts : default).Where(counts => counts.MessageId > 0),
    ];

    private void Print(MessageCounts[] now, MessageCounts[] before, Freshness freshness)
    {
        if (json)
        {
            JsonOutput.WriteLine(terminal, new { Counts = now.Select(JsonOutput.Of), Freshness = JsonOutput.Of(freshness) });
            return;
        }

        foreach (var (index, counts) in now.Index().Where(entry => entry.Index >= before.Length || entry.Item != before[entry.Index]))
        {
            terminal.Print($"{index + 1}\t{counts.MessageId}\t{counts.Retweets}\t{counts.Likes}\t{counts.Revision}");
        }
    }
}
