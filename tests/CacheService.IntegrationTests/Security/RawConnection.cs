using System.Buffers.Binary;
using System.Net.Sockets;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Security;

/// <summary>A connection that sends whatever bytes a test wants.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;

    private RawConnection(TcpClient client)
    {
        _client = client;
        _stream = client.GetStream();
    }

    public static async Task<RawConnection> OpenAsync(Uri address)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(address.Host, address.Port);
        return new RawConnection(client);
    }

    /// <summary>Sends bytes; false if the server has closed the connection.</summary>
    public async Task<bool> SendAsync(params byte[][] parts)
    {
        using var patience = new CancellationTokenSource(RunningService.Patience);
        try
        {
            await _stream.WriteAsync(parts.SelectMany(part => part).ToArray(), patience.Token);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>The next frame; null when the server has closed the connection.</summary>
    public async Task<(byte Type, byte Flags, int Stream, byte[] Payload)?> ReadFrameAsync()
    {
        using var patience = new CancellationTokenSource(RunningService.Patience);
        try
        {
            var head = new byte[9];
            await _stream.ReadExactlyAsync(head, patience.Token);
            var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >>> 8];
            await _stream.ReadExactlyAsync(payload, patience.Token);
            return (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
        }
        catch (IOException)
        {
            // Also its end within or before a frame.
            return null;
        }
    }

    /// <summary>Says that nothing more will be sent, and reads until the server closes the connection.</summary>
    public async Task FinishAsync()
    {
        using var patience = new CancellationTokenSource(RunningService.Patience);
        try
        {
            _client.Client.Shutdown(SocketShutdown.Send);
            await _stream.CopyToAsync(Stream.Null, patience.Token);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // Reset by the server: closed as well.
        }
    }

    /// <summary>Tears the connection down without a word.</summary>
    public void Reset()
    {
        _client.LingerState = new LingerOption(true, 0);
        _client.Close();
    }

    public void Dispose() => _client.Dispose();
}
