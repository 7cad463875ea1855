using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace CacheService.IntegrationTests.Faults;

/// <summary>
/// A TCP proxy that fails as networks do. A connection whose bytes were swallowed stays dead for good, and neither end is told: as where a
/// firewall has forgotten it. And one that takes its time, as they do over a distance.
/// </summary>
internal sealed class SwallowingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private volatile int _target;
    private volatile int _bytesPerSecond;
    private readonly Task _accepting;
    private volatile NetworkFault _fault;
    private volatile TaskCompletionSource _passing = NewGate(open: true);
    private volatile TaskCompletionSource _reachable = NewGate(open: true);

    /// <summary>Starts it on a free port.</summary>
    /// <param name="target">The port that it stands before.</param>
    public SwallowingProxy(int target)
    {
        _target = target;
        _listener.Start();
        _accepting = Task.Run(AcceptAsync);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The port that new connections lead to.</summary>
    public int Target
    {
        get => _target;
        set => _target = value;
    }

    /// <summary>How long what is sent is on its way.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>How much passes in a second, on each connection and in each direction; 0: as much as comes.</summary>
    public int BytesPerSecond
    {
        get => _bytesPerSecond;
        set => _bytesPerSecond = value;
    }

    /// <summary>What is wrong with the network.</summary>
    public NetworkFault Fault
    {
        get => _fault;
        set
        {
            _fault = value;
            _passing = Switch(_passing, open: value != NetworkFault.Stalls);
            _reachable = Switch(_reachable, open: value is NetworkFault.None or NetworkFault.Refuses);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptSocketAsync(_stopping.Token);
                if (_fault == NetworkFault.Refuses)
                {
                    client.Close(0);
                    continue;
                }

                _connections.Add(Task.Run(() => ServeAsync(client)));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // Stopped; or the client has gone before it was accepted.
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            try
            {
                client.NoDelay = server.NoDelay = true;
                // What a client sends while it connects is sent again until it arrives.
                await _reachable.Task.WaitAsync(_stopping.Token);
                await server.ConnectAsync(IPAddress.Loopback, _target, _stopping.Token);
                var link = new Link(client, server);
                await Task.WhenAll(CopyAsync(link, client, server, NetworkFault.SwallowsToServer), CopyAsync(link, server, client, NetworkFault.SwallowsToClient));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // The test is over, or the server does not listen: the client is let go of.
            }
        }
    }

    private async Task CopyAsync(Link link, Socket from, Socket to, NetworkFault swallowing)
    {
        var buffer = new byte[4 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, _stopping.Token) is var read and > 0)
            {
                link.Swallows(_fault == NetworkFault.SwallowsBoth || _fault == swallowing, swallowing);
                if (link.HasSwallowed(swallowing))
                {
                    continue;
                }

                await _passing.Task.WaitAsync(_stopping.Token);
                if (_fault == NetworkFault.Refuses)
                {
                    break;
                }

                if (Delay > TimeSpan.Zero)
                {
                    await Task.Delay(Delay, _stopping.Token);
                }

                if (_bytesPerSecond is > 0 and var bytesPerSecond)
                {
                    await Task.Delay(TimeSpan.FromSeconds((double)read / bytesPerSecond), _stopping.Token);
                }

                await to.SendAsync(buffer.AsMemory(0, read), _stopping.Token);
            }
        }
        catch (SocketException)
        {
            // One end has gone, as told below.
        }
        catch (ObjectDisposedException)
        {
            // The other direction has told both.
        }

        // The end of one end is lost as all else is; the other is left in its belief.
        if (link.IsDead || _fault is NetworkFault.SwallowsBoth or NetworkFault.SwallowsToServer or NetworkFault.SwallowsToClient)
        {
            await Task.Delay(Timeout.Infinite, _stopping.Token);
        }

        link.Close();
    }

    private static TaskCompletionSource Switch(TaskCompletionSource gate, bool open)
    {
        if (open)
        {
            gate.TrySetResult();
            return gate;
        }

        return gate.Task.IsCompleted ? NewGate(open: false) : gate;
    }

    private static TaskCompletionSource NewGate(bool open)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (open)
        {
            gate.SetResult();
        }

        return gate;
    }

    /// <summary>A connection through the proxy.</summary>
    private sealed class Link(Socket client, Socket server)
    {
        private volatile bool _toServer;
        private volatile bool _toClient;

        public bool IsDead => _toServer || _toClient;

        public bool HasSwallowed(NetworkFault direction) => direction == NetworkFault.SwallowsToServer ? _toServer : _toClient;

        public void Swallows(bool now, NetworkFault direction)
        {
            if (direction == NetworkFault.SwallowsToServer)
            {
                _toServer |= now;
            }
            else
            {
                _toClient |= now;
            }
        }

        public void Close()
        {
            client.Dispose();
            server.Dispose();
        }
    }
}
