using System.CommandLine;
using CacheService.Client;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands;

internal sealed class CachesCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;

    public CachesCommand(Terminal terminal, TimeProvider time) : base("caches", "List the caches that are registered with the service's database, and those that follow the one which publishes its counts.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts caches", "Those of the database that the service on this machine has."),
        new("tweetcounts caches --json | jq '.[] | select(.follows and .ageSeconds > 1) | .name'", "Which followers lag behind."),
        new("tweetcounts caches --json | jq '.[] | select(.loaded | not) | .name'", "For other programs: which are still loading."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var caches = await service.CallAsync(client => client.ListCachesAsync(stop));
        if (_service.Json(arguments))
            JsonOutput.Write(_terminal, caches.Select(cache => new { cache.Name, Self = cache.IsSelf, Loaded = cache.IsLoaded, HeardSeconds = cache.Heard.TotalSeconds, cache.Publishes, cache.Follows, AgeSeconds = cache.Age?.TotalSeconds }));
        else if (_terminal.Interactive)
            PrintGrid(caches);
        else
            PrintLines(caches);
        return ExitCode.Success;
    }

    private void PrintGrid(IEnumerable<RegisteredCache> caches)
    {
        var grid = new Grid().AddColumn().AddColumns(new GridColumn().NoWrap(), new GridColumn().NoWrap(), new GridColumn().NoWrap(), new GridColumn().NoWrap());
        grid.AddRow(Tables.Faint("name"), Tables.Faint("counts"), Tables.Faint("heard"), Tables.Faint("part"), Tables.Faint(""));
        foreach (var cache in caches)
            grid.AddRow(Tables.Plain(PlainText.OneLine(cache.Name)), Tables.Plain(Counts(cache)), Tables.Plain(Heard(cache)), Tables.Plain(Part(cache)), Tables.Plain(Self(cache)));
        _terminal.Console.Write(grid);
    }

    private void PrintLines(IEnumerable<RegisteredCache> caches)
    {
        foreach (var cache in caches)
            _terminal.Print($"{PlainText.OneLine(cache.Name)}\t{Counts(cache)}\t{Heard(cache)}\t{Part(cache)}\t{Self(cache)}");
    }

    private static string Counts(RegisteredCache cache) => cache.IsLoaded ? "loaded" : "loading";

    private static string Part(RegisteredCache cache) =>
        cache.Publishes ? "publishes" : !cache.Follows ? "" : cache.Age is { } age ? $"follows, {Durations.Format(age)} old" : "follows";

    private static string Self(RegisteredCache cache) => cache.IsSelf ? "this one" : "";

    private static string Heard(RegisteredCache cache) => $"{Durations.Format(cache.Heard)} ago";
}
