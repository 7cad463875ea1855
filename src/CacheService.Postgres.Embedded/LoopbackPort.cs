using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace CacheService.Postgres.Embedded;

/// <summary>Chooses the server's port and remembers it, so that a psql or a dashboard set up yesterday still connects.</summary>
internal static class LoopbackPort
{
    /// <summary>The port of the last start if it is free, else one that the system has free.</summary>
    public static int Choose(DataLayout layout) =>
        File.Exists(layout.Port)
        && int.TryParse(File.ReadAllText(layout.Port), CultureInfo.InvariantCulture, out var last)
        && last is > 0 and <= ushort.MaxValue
        && TryBind(last) is not null
            ? last
            : ChooseNew();

    public static int ChooseNew() => TryBind(0) ?? throw new EmbeddedPostgresException("127.0.0.1 has no free port");

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
