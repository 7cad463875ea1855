using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands;

internal sealed class NewApiKeyCommand : ToolCommand
{
    // As many random bits as the hash has.
    private const int KeyBytes = 32;

    // Shows scanners of repositories, and people, what it is.
    private const string Prefix = "twc_";

    private readonly Terminal _terminal;
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON." };

    public NewApiKeyCommand(Terminal terminal) : base("new-api-key", "Make an API key for a caller of the service, and the hash that the service is told. Neither is kept: this is the only time that the key is shown.", terminal)
    {
        _terminal = terminal;
        Add(_json);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts new-api-key", "A line with the key, which goes to the caller, and a line with its SHA-256, which goes to the service."),
        new("tweetcounts new-api-key --json | jq -r .sha256", "For other programs."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var key = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(KeyBytes));
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        if (arguments.GetValue(_json))
        {
            JsonOutput.Write(_terminal, new { Key = key, Sha256 = sha256 });
        }
        else
        {
            await _terminal.Output.WriteLineAsync($"key\t{key}{Environment.NewLine}sha256\t{sha256}");
            _terminal.Note(
                $"""
                The caller keeps the key in a file that only they can read (--api-key-file); the service is told the hash, whose it is, and what they may do:
                  --Security:ApiKeys:0:Name=NAME --Security:ApiKeys:0:Sha256={sha256} --Security:ApiKeys:0:Rights=Read,Watch
                """);
        }

        return ExitCode.Success;
    }
}
