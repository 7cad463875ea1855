using CacheService.Client;
using CacheService.Tool.Output;
using CacheService.Tool.Service;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CacheService.Tool.Watching;

/// <summary>A table that follows a mirror, for a person at a terminal.</summary>
internal sealed class LiveTable(Terminal terminal, ServiceConnection service, TimeProvider time, bool withTotal = false)
{
    private const int AuthorWidth = 16;

    // The width of the columns beside author and text, and the lines beside the rows.
    private const int NumberColumns = 38;
    private const int TotalColumn = 10;
    private const int OtherLines = 6;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Highlights _highlights = new(time);
    private readonly BackgroundTexts _texts = new(service, time);

    /// <summary>Draws until it is stopped.</summary>
    /// <exception cref="ToolException">The service will never let this be watched.</exception>
    public async Task RunAsync(WatchOptions options, Func<CountsMirror, ILiveRows> choose, CancellationToken stop)
    {
        await using var mirror = service.Client.StartMirror(options with { Heartbeat = TimeSpan.FromSeconds(1) });
        using var rows = choose(mirror);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var reading = _texts.RunAsync(ended.Token);
        try
        {
            await terminal.Console.Live(Draw(mirror, rows, running: true)).StartAsync(display => DrawAsync(display, mirror, rows, stop));
        }
        finally
        {
            await ended.CancelAsync();
            await reading;
        }
    }

    private async Task DrawAsync(LiveDisplayContext display, CountsMirror mirror, ILiveRows rows, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (mirror.State != MirrorState.Failed && await timer.WaitForNextTickAsync(stop))
            {
                display.UpdateTarget(Draw(mirror, rows, running: true));
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The last picture stays on the screen.
            display.UpdateTarget(Draw(mirror, rows, running: false));
            return;
        }

        throw new ToolException(mirror.Detail);
    }

    private Rows Draw(CountsMirror mirror, ILiveRows rows, bool running)
    {
        var profile = terminal.Console.Profile;
        var shown = rows.Choose(Math.Max(1, profile.Height - OtherLines));
        var textWidth = Math.Max(10, profile.Width - NumberColumns - (withTotal ? TotalColumn : 0) - AuthorWidth);
        string[] numbers = withTotal ? ["message", "retweets", "likes", "total"] : ["message", "retweets", "likes"];
        var table = Tables.Create(numbers).WithText("author", AuthorWidth).WithText("text", textWidth);
        foreach (var messageId in shown)
        {
            table.AddRow(mirror.TryGet(messageId, out var counts) ? CellsOf(counts, textWidth) : CellsOfNone(mirror, messageId, textWidth));
        }

        _highlights.Keep(shown);
        var parts = new List<IRenderable> { table, LiveFooter.Of(mirror, shown.Count(id => mirror.TryGet(id, out _))) };

        // Last, so that the ^C which the terminal echoes does not wrap from a full line and shift the picture.
        if (running)
        {
            parts.Add(new Text("Ctrl-C ends it", new Style(Color.Grey)));
        }

        return new Rows(parts);
    }

    private IRenderable[] CellsOf(MessageCounts counts, int textWidth)
    {
        var (retweets, likes) = _highlights.Of(counts);
        var (author, text) = _texts.Find(counts.MessageId);
        return
        [
            Tables.Id(counts.MessageId),
            Tables.Number(counts.Retweets, retweets),
            Tables.Number(counts.Likes, likes),
            .. withTotal ? [Tables.Number(counts.Retweets + counts.Likes)] : Array.Empty<IRenderable>(),
            Tables.Plain(PlainText.Shorten(author, AuthorWidth)),
            Tables.Plain(PlainText.Shorten(text, textWidth)),
        ];
    }

    private static IRenderable[] CellsOfNone(CountsMirror mirror, long messageId, int textWidth)
    {
        var why = mirror.Freshness is null ? "" : "there is no such message";
        return [Tables.Id(messageId), Tables.Faint("-"), Tables.Faint("-"), Tables.Plain(""), Tables.Faint(PlainText.Shorten(why, textWidth))];
    }
}
