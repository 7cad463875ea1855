using System.CommandLine;
using CacheService.Tool.Service;
using Microsoft.Extensions.Options;

namespace CacheService.Tool.Commands;

/// <summary>The options of the commands that ask the service.</summary>
internal sealed class ServiceOptions(TimeProvider time, int defaultTimeoutSeconds = 10)
{
    private readonly Option<string?> _address = new("--address", "-a")
    {
        HelpName = "URL",
        Description = $"The service's gRPC address. Without it: {ServiceAddress.Variable} of the environment, else {ServiceAddress.Default}.",
    };
    private readonly Option<TimeSpan?> _timeout = DurationOption.Create("--timeout", $"How long to wait for an answer, such as 500ms or 1m. [default: {defaultTimeoutSeconds}s]");
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON." };

    public void AddTo(Command command)
    {
        command.Add(_address);
        command.Add(_timeout);
        command.Add(_json);
    }

    public bool Json(ParseResult arguments) => arguments.GetValue(_json);

    /// <exception cref="ToolException">The address or the timeout is of no use.</exception>
    public ServiceConnection Connect(ParseResult arguments)
    {
        try
        {
            return new ServiceConnection(
                ServiceAddress.Find(arguments.GetValue(_address), Environment.GetEnvironmentVariable),
                arguments.GetValue(_timeout) ?? TimeSpan.FromSeconds(defaultTimeoutSeconds),
                time);
        }
        catch (OptionsValidationException e)
        {
            throw new ToolException(string.Join("; ", e.Failures), e);
        }
    }
}
