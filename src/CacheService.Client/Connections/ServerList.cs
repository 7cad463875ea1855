using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace CacheService.Client.Connections;

/// <summary>
/// The servers that there are: those of the options, of which a DNS name stands for all that it leads to. Names are looked up when a server is first needed, again and again from then on,
/// and soon when a connection has failed. Where one is not found, what it led to before stays. Thread-safe.
/// </summary>
internal sealed class ServerList : IDisposable
{
    /// <summary>As long as that there is no other look-up, whatever fails: the servers of names are busy as well.</summary>
    private static readonly TimeSpan LeastPause = TimeSpan.FromSeconds(1);

    private readonly NamedAddress[] _named;
    private readonly TimeSpan _interval;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _lookUp;
    private readonly Dictionary<Uri, ServerAddress[]> _found = [];
    private readonly HashSet<Uri> _notFound = [];
    private readonly CancellationTokenSource _disposed = new();
    private readonly TaskCompletionSource _lookedUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private ITimer? _timer;
    private long _lastBegun;
    private bool _isLooking;
    private bool _isWantedSoon;
    private volatile ServerAddress[] _current = [];

    /// <summary>Begins nothing yet.</summary>
    /// <param name="options">Valid ones.</param>
    /// <param name="logger">Is told what is not found.</param>
    /// <param name="time">For pauses.</param>
    /// <param name="lookUp">Looks a name up.</param>
    public ServerList(TweetCountsClientOptions options, ILogger logger, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>> lookUp)
    {
        (_interval, _logger, _time, _lookUp) = (options.DnsRefreshInterval, logger, time, lookUp);
        _named = [.. options.Addresses.Select(address => NamedAddress.Parse(address)!)];
        IsFixed = Array.TrueForAll(_named, address => !address.IsLookedUp);
        if (IsFixed)
        {
            _current = All();
            _lookedUp.SetResult();
        }
    }

    /// <summary>The servers have changed, or there is still none and <see cref="Failure"/> says why.</summary>
    public event Action? Changed;

    /// <summary>Whether the servers are always the same.</summary>
    public bool IsFixed { get; }

    /// <summary>The servers, in an order that does not depend on who was found first.</summary>
    public IReadOnlyList<ServerAddress> Current => _current;

    /// <summary>Why there is no server; null: there is one, or nobody has looked yet.</summary>
    public string? Failure { get; private set; }

    /// <summary>What all servers are called together.</summary>
    public Uri Name => _named[0].Server;

    /// <summary>Looks names up from now on.</summary>
    /// <returns>Completes when they have been looked up once.</returns>
    public Task BeginAsync()
    {
        lock (_lock)
        {
            if (!IsFixed && _timer is null && !_disposed.IsCancellationRequested)
            {
                // Without the context of who is the first to need it.
                using (ExecutionContext.SuppressFlow())
                {
                    _timer = _time.CreateTimer(static list => _ = ((ServerList)list!).LookUpAsync(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                }

                _timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            }
        }

        return _lookedUp.Task;
    }

    /// <summary>Looks names up soon, because a server may have gone.</summary>
    public void LookUpSoon()
    {
        lock (_lock)
        {
            // One that is under way may have begun before it went.
            _isWantedSoon = _isLooking;
            if (!_isLooking)
            {
                ScheduleSoon();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed.Cancel();
            _timer?.Dispose();
        }

        _lookedUp.TrySetResult();
    }

    private async Task LookUpAsync()
    {
        lock (_lock)
        {
            if (_isLooking || _disposed.IsCancellationRequested)
            {
                return;
            }

            (_isLooking, _lastBegun) = (true, _time.GetTimestamp());
        }

        var failures = await Task.WhenAll(_named.Where(address => address.IsLookedUp).Select(LookUpAsync)).ConfigureAwait(false);
        var failure = failures.FirstOrDefault(failure => failure is not null);
        var servers = All();
        var isNew = !servers.SequenceEqual(_current);
        _current = servers;
        Failure = servers.Length == 0 ? failure : null;
        _lookedUp.TrySetResult();
        if (isNew || servers.Length == 0)
        {
            Changed?.Invoke();
        }

        lock (_lock)
        {
            _isLooking = false;
            if (_isWantedSoon || failure is not null)
            {
                _isWantedSoon = false;
                ScheduleSoon();
            }
            else
            {
                _timer?.Change(_interval, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <returns>Why it was not found; null: it was.</returns>
    private async Task<string?> LookUpAsync(NamedAddress address)
    {
        string reason;
        try
        {
            if (await _lookUp(address.Server.DnsSafeHost, _disposed.Token).ConfigureAwait(false) is { Length: > 0 } found)
            {
                lock (_found)
                {
                    _found[address.Server] = [.. found.Select(ip => new ServerAddress(address.Server, ip)).OrderBy(server => server.Address.Host, StringComparer.Ordinal)];
                    _notFound.Remove(address.Server);
                }

                return null;
            }

            reason = "there are no addresses";
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ArgumentException)
        {
            reason = e.Message;
        }

        bool isFirst;
        lock (_found)
        {
            isFirst = _notFound.Add(address.Server);
        }

        if (isFirst && !_disposed.IsCancellationRequested)
        {
            _logger.NameNotFound(address.Server.Host, reason);
        }

        return $"the name {address.Server.Host} was not found: {reason}";
    }

    private ServerAddress[] All()
    {
        lock (_found)
        {
            return [.. _named.SelectMany(address => address.IsLookedUp ? _found.GetValueOrDefault(address.Server, []) : [new ServerAddress(address.Server, Found: null)]).Distinct()];
        }
    }

    private void ScheduleSoon()
    {
        var wait = LeastPause - _time.GetElapsedTime(_lastBegun);
        _timer?.Change(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
