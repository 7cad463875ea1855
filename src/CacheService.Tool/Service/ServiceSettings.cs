using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Configuration;

namespace CacheService.Tool.Service;

/// <summary>What a demo needs to know of the settings that the service on this machine was started with.</summary>
internal sealed class ServiceSettings(IConfiguration settings)
{
    private const string DefaultHttpAddress = "http://127.0.0.1:5081";

    // What the service listens on for all, nobody can call.
    private static readonly string[] AnyAddress = ["*", "+", "[::]", "0.0.0.0"];

    /// <summary>Whether it uses a database that it was told of, and not its embedded server.</summary>
    public bool HasDatabase => !string.IsNullOrWhiteSpace(settings["ConnectionStrings:Postgres"]);

    /// <summary>The folder of its embedded server.</summary>
    public string DataDirectory => settings["Embedded:DataDirectory"] is { Length: > 0 } folder ? Path.GetFullPath(folder) : DataFolder.Default;

    /// <summary>Where to call its gRPC API.</summary>
    public Uri GrpcAddress => Address("Grpc", ServiceAddress.Default);

    /// <summary>Where its page is, and where to ask for its health.</summary>
    public Uri HttpAddress => Address("Http", DefaultHttpAddress);

    /// <summary>As the service reads them: the arguments before the environment.</summary>
    public static ServiceSettings Read(string[] arguments) => new(new ConfigurationBuilder().AddEnvironmentVariables().AddCommandLine(arguments).Build());

    private Uri Address(string endpoint, string otherwise)
    {
        var name = $"Kestrel:Endpoints:{endpoint}:Url";
        var url = settings[name] is { Length: > 0 } configured ? configured.Split(';')[0] : otherwise;
        var callable = AnyAddress.Aggregate(url, (text, any) => text.Replace($"://{any}:", "://127.0.0.1:", StringComparison.Ordinal));
        return Uri.TryCreate(callable, UriKind.Absolute, out var address) ? address : throw new ToolException($"'{url}' of {name} is no address");
    }
}
