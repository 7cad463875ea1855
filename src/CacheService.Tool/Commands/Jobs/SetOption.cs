using System.CommandLine;

namespace CacheService.Tool.Commands.Jobs;

/// <summary>The option that says what a job is told.</summary>
internal static class SetOption
{
    public static Option<string[]> Create(string description) => new("--set") { HelpName = "NAME=VALUE", Description = $"{description} May be there several times.", Arity = ArgumentArity.ZeroOrMore };

    /// <exception cref="ToolException">One has no name.</exception>
    public static Dictionary<string, string> Read(string[]? all)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var one in all ?? [])
        {
            var at = one.IndexOf('=');
            if (at < 1)
                throw new ToolException($"'{one}' sets nothing: write --set NAME=VALUE, such as --set older_than=90d");
            values[one[..at]] = one[(at + 1)..];
        }

        return values;
    }
}
