using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace CacheService.Postgres.Embedded;

/// <summary>Chooses the server's port and remembers it, so that a psql or a dashboard set up yesterday still connects.</summary>
internal static class LoopbackPort
{
    private const int Attempts = 20;
    private const int Lowest = 10_000;

    // Linux's default; others begin higher.
    private const int LowestOfConnections = 32_768;

    /// <summary>The port of the last start if it is free, else a new one.</summary>
    public static int Choose(DataLayout layout) =>
        File.Exists(layout.Port)
        && int.TryParse(File.ReadAllText(layout.Port), CultureInfo.InvariantCulture, out var last)
        && last is > 0 and <= ushort.MaxValue
        && TryBind(last) is not null
            ? last
            : ChooseNew();

    /// <summary>
    /// One that is free, if possible below those that the system gives to outgoing connections: it is to be free still when it is used, today and at later starts.
    /// </summary>
    public static int ChooseNew()
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (TryBind(Random.Shared.Next(Lowest, LowestOfConnections)) is { } port)
                return port;
        }

        return TryBind(0) ?? throw new EmbeddedPostgresException("127.0.0.1 has no free port");
    }

    public static Task RememberAsync(DataLayout layout, int port, CancellationToken cancellationToken) =>
        OwnedFile.WritePublicAsync(layout.Port, $"{port}\n", cancellationToken);

    private static int? TryBind(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
