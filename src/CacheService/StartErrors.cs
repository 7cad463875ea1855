using System.Security.Cryptography;
using CacheService.Postgres.Embedded;
using CacheService.Settings;
using Microsoft.AspNetCore.Connections;

namespace CacheService;

/// <summary>What keeps the service from starting, in lines for the person who started it.</summary>
internal static class StartErrors
{
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
