using System.CommandLine;
using CacheService.Client;
using CacheService.Tool.Service;
using Microsoft.Extensions.Options;

namespace CacheService.Tool.Commands;

/// <summary>The options of the commands that ask the service.</summary>
internal sealed class ServiceOptions(TimeProvider time, int defaultTimeoutSeconds = 10)
{
    private readonly Option<string?> _address = new("--address", "-a")
    {
        HelpName = "URL",
        Description = $"The service's gRPC address; dns:///HOST:PORT, or dns+https:///HOST:PORT, for all services that DNS has for a name. Without it: {ServiceAddress.Variable} of the environment, else {ServiceAddress.Default}.",
    };
    private readonly Option<TimeSpan?> _timeout = DurationOption.Create("--timeout", $"How long to wait for an answer, such as 500ms or 1m. [default: {defaultTimeoutSeconds}s]");
    private readonly Option<string?> _apiKeyFile = new("--api-key-file")
    {
        HelpName = "FILE",
        Description = $"A file with the API key that the service asks for. Without it: {ServiceCredentials.Variable} of the environment, if set.",
    };
    private readonly Option<bool> _plaintextKey = new("--allow-plaintext-key") { Description = "Send the API key over http to another machine, where something else encrypts." };
    private readonly Option<string?> _authority = new("--ca")
    {
        HelpName = "FILE",
        Description = "The certificate (PEM) of the authority that signed the service's, of an https address. Without it: those that this machine trusts.",
    };
    private readonly Option<string?> _certificate = new("--client-cert") { HelpName = "FILE", Description = "The client certificate (PEM) that the service asks for." };
    private readonly Option<string?> _key = new("--client-key") { HelpName = "FILE", Description = "Its private key (PEM), unless that is in the same file." };
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON." };

    public void AddTo(Command command)
    {
        command.Add(_address);
        command.Add(_timeout);
        command.Add(_apiKeyFile);
        command.Add(_plaintextKey);
        command.Add(_authority);
        command.Add(_certificate);
        command.Add(_key);
        command.Add(_json);
    }

    public bool Json(ParseResult arguments) => arguments.GetValue(_json);

    /// <exception cref="ToolException">The address, the timeout or a file is of no use.</exception>
    public ServiceConnection Connect(ParseResult arguments)
    {
        try
        {
            return new ServiceConnection(
                ServiceAddress.Find(arguments.GetValue(_address), Environment.GetEnvironmentVariable),
                arguments.GetValue(_timeout) ?? TimeSpan.FromSeconds(defaultTimeoutSeconds),
                new ServiceCredentials(
                    arguments.GetValue(_apiKeyFile), arguments.GetValue(_plaintextKey), arguments.GetValue(_authority), arguments.GetValue(_certificate), arguments.GetValue(_key)),
                time);
        }
        catch (OptionsValidationException e)
        {
            throw new ToolException(string.Join("; ", e.Failures.Select(failure => failure
                .Replace(nameof(TweetCountsClientOptions.AllowPlaintextApiKey), "--allow-plaintext-key", StringComparison.Ordinal))), e);
        }
    }
}
