using System.CommandLine;
using CacheService.Tool.Cast;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands;

internal sealed class LoadCastCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly DatabaseOptions _database = new();

    public LoadCastCommand(Terminal terminal)
        : base("load-cast", "Add the 29 users of the article series, with a few messages each. Run again, it adds nothing.", terminal)
    {
        _terminal = terminal;
        _database.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts load-cast", "Add them to the database of the service on this machine."),
        new("tweetcounts load-cast --connection 'Host=db;Username=app;Database=tweets'", "Add them to another database."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var cast = CastFile.Read();
        await using var connection = await _database.Locate(arguments).OpenAsync(stop);
        var (users, messages) = await new CastLoader(connection).LoadAsync(cast, stop);
        _terminal.Print(users + messages > 0
            ? $"{users} users and {messages} messages added"
            : $"nothing to add: the {cast.Count} users and their {cast.Sum(c => c.Messages.Count)} messages are there");
        return ExitCode.Success;
    }
}
