using System.CommandLine;
using System.CommandLine.Parsing;
using CacheService.Tool.Output;
using CacheService.Tool.Play;

namespace CacheService.Tool.Commands;

internal sealed class LoadPlayCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ConnectionOption _database = new();
    private readonly Argument<string> _file = new("FILE") { Description = "A play in Jon Bosak's XML." };
    private readonly Option<SpeakerAlias[]> _aliases = new("--alias")
    {
        HelpName = "SPEAKER=USER",
        Description = "Which user a speaker is, where the names differ. May be repeated.",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = ParseAliases,
    };

    public LoadPlayCommand(Terminal terminal)
        : base("load-play", "Make each speech of a play a message of its speaker, in the order of the play. Each run adds them once more.", terminal)
    {
        _terminal = terminal;
        Add(_file);
        Add(_aliases);
        _database.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts load-play dream.xml", "Speakers are found by uname or nickname, without regard to case."),
        new("tweetcounts load-play dream.xml --alias HERNIA=Hermia", "The speaker that the file calls HERNIA is the user Hermia."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var path = arguments.GetRequiredValue(_file);
        var play = Path.GetFileName(path);
        var speeches = PlayFile.Read(path);

        await using var connection = await _database.Locate(arguments).OpenAsync(stop);
        var loader = new PlayLoader(connection);
        var matcher = new SpeakerMatcher(await loader.ReadUsersAsync(stop), arguments.GetValue(_aliases) ?? []);
        var (messages, speakers) = await loader.LoadAsync(speeches, matcher, play, stop);

        foreach (var alias in matcher.Unused(speeches))
            _terminal.Note($"note: --alias {alias} had no effect: {alias.Speaker} does not speak in {play}");
        _terminal.Print($"{messages} messages for {speakers} speakers");
        return ExitCode.Success;
    }

    private static SpeakerAlias[]? ParseAliases(ArgumentResult result)
    {
        var aliases = new List<SpeakerAlias>();
        foreach (var token in result.Tokens)
        {
            if (SpeakerAlias.Parse(token.Value) is not { } alias)
                result.AddError($"--alias {token.Value}: write SPEAKER=USER, such as HERNIA=Hermia");
            else if (aliases.Any(a => string.Equals(a.Speaker, alias.Speaker, StringComparison.OrdinalIgnoreCase)))
                result.AddError($"--alias {token.Value}: there is another alias for {alias.Speaker}; keep one");
            else
                aliases.Add(alias);
        }
        return [.. aliases];
    }
}
