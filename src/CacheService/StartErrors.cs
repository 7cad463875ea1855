using System.Security.Cryptography;
using CacheService.Postgres.Embedded;
using CacheService.Settings;
using Microsoft.AspNetCore.Connections;

namespace CacheService;

/// <summary>What keeps the service from starting or going on, in lines for the person who started it.</summary>
internal static class StartErrors
{
    /// <summary>The lines for a part of the service that has failed, for which the host stops the others and says nothing; null if none has.</summary>
    public static IEnumerable<string>? DescribeFailed(IEnumerable<IHostedService> services)
    {
        foreach (var service in services.OfType<BackgroundService>())
        {
            if (service.ExecuteTask?.Exception?.GetBaseException() is { } error)
            {
                return Describe(error) ?? [$"The service ended, because {service.GetType().Name} failed: {error.Message.ReplaceLineEndings(" ")}", error.ToString()];
            }
        }

        return null;
    }

    /// <summary>The lines; null for an error that nobody foresaw, of which the stack trace is wanted.</summary>
    public static IEnumerable<string>? Describe(Exception error) => error switch
    {
        BadSettingsException bad => bad.Errors.Select(line => $"Bad setting: {line.ReplaceLineEndings(" ")}"),
        EmbeddedPostgresException => [$"The embedded PostgreSQL cannot run: {error.Message}"],
        IOException { InnerException: AddressInUseException } =>
            [$"{error.Message} Stop what uses it, or choose another: --Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:PORT, --Kestrel:Endpoints:Http:Url=http://127.0.0.1:PORT"],
        // The server's certificate: no PEM, a wrong password, a key that does not belong to it.
        CryptographicException or InvalidOperationException { InnerException: CryptographicException or ArgumentException } =>
            [$"Cannot start: the certificate of an https endpoint is of no use: {error.Message} {error.InnerException?.Message}".ReplaceLineEndings(" ").TrimEnd() + " See Kestrel:Endpoints:Grpc:Certificate:Path, KeyPath and Password"],
        // Kestrel's, for an endpoint that it cannot parse or may not open.
        InvalidOperationException or FormatException or IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException => [$"Cannot start: {error.Message.ReplaceLineEndings(" ")}"],
        _ => null,
    };
}
