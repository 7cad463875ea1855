using System.CommandLine;
using CacheService.Tool.Cast;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands;

internal sealed class LoadCastCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ConnectionOption _database = new();

    public LoadCastCommand(Terminal terminal)
        : base("load-cast", "Add the 29 users of the article series, with a few messages each, and who follows whom. Run again, it adds nothing.", terminal)
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
        var added = await new CastLoader(connection).LoadAsync(cast, stop);
        _terminal.Print(added is { Users: 0, Messages: 0, Followers: 0 or null }
            ? $"nothing to add: {Describe("the ", cast.Count, cast.Sum(c => c.Messages.Count), added.Followers is null ? null : Following.Of(cast).Count)} are there"
            : $"{Describe("", added.Users, added.Messages, added.Followers)} added");
        return ExitCode.Success;
    }

    private static string Describe(string article, int users, int messages, int? followers) =>
        followers is null ? $"{article}{users} users and {messages} messages" : $"{article}{users} users, {messages} messages and {followers} followers";
}
