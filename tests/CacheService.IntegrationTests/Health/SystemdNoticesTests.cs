using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Health;

/// <summary>What the service tells systemd, whose place a socket takes.</summary>
// Beside other fixtures: it waits more than it works, for a process of its own.
[Parallelizable(ParallelScope.Self)]
[Platform("Linux")]
internal sealed class SystemdNoticesTests
{
    [Test]
    public async Task Notices_FromStartToStop_SayWhatSystemdWantsToKnow()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var socket = new NoticeSocket();
        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await using var service = ServiceProcess.Start([], [("NOTIFY_SOCKET", socket.Path)], $"--ConnectionStrings:Postgres={database.ConnectionString}", "--Shutdown:DrainPeriod=00:00:01");
        await socket.UntilToldAsync("READY=1", service);
        await socket.UntilToldAsync("STATUS=starting", service);
        await socket.UntilToldAsync("WATCHDOG=1", service);
        Assert.That(socket.Told, Does.Not.Contain("STATUS=live"), "it is ready to be asked, and nothing is loaded");

        await gate.DisposeAsync();
        await socket.UntilToldAsync("STATUS=live", service);
        Assert.That(socket.Told, Does.Not.Contain("STOPPING=1"));
        await ProcessSignals.SendAsync("TERM", service.Id);
        await socket.UntilToldAsync("STOPPING=1", service);
        Assert.That((await service.WaitForExitAsync()).ExitCode, Is.Zero);
        Assert.That(socket.Told.Count(notice => notice == "READY=1"), Is.EqualTo(1));
    }

    [Test]
    public async Task Notices_WhereNobodyListens_HoldUpNobody()
    {
        await using var database = await TestDatabase.CreateAsync();
        var nowhere = Path.Combine(Path.GetTempPath(), $"notify-{Guid.NewGuid():N}");
        await using var service = ServiceProcess.Start([], [("NOTIFY_SOCKET", nowhere)], $"--ConnectionStrings:Postgres={database.ConnectionString}");
        await Wait.UntilAsync(() => service.Output.Contains("[1001]"), RunningService.Patience, "it has loaded");
        await ProcessSignals.SendAsync("TERM", service.Id);
        Assert.That((await service.WaitForExitAsync()).ExitCode, Is.Zero);
    }

    /// <summary>What systemd listens at.</summary>
    private sealed class NoticeSocket : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> _told = new();
        private readonly CancellationTokenSource _stop = new();
        private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        private readonly Task _reading;

        public NoticeSocket()
        {
            _socket.Bind(new UnixDomainSocketEndPoint(Path));
            _reading = ReadAsync();
        }

        public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"notify-{Guid.NewGuid():N}");

        public IReadOnlyCollection<string> Told => _told;

        public Task UntilToldAsync(string notice, ServiceProcess service) =>
            Wait.UntilAsync(() => _told.Contains(notice), RunningService.Patience, $"'{notice}' is told (so far {string.Join(", ", _told.Distinct())}; {service.Output})");

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _reading;
            _socket.Dispose();
            _stop.Dispose();
            File.Delete(Path);
        }

        private async Task ReadAsync()
        {
            var buffer = new byte[4096];
            try
            {
                while (true)
                {
                    var length = await _socket.ReceiveAsync(buffer, _stop.Token);
                    foreach (var notice in Encoding.UTF8.GetString(buffer, 0, length).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                    {
                        _told.Enqueue(notice);
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }
    }
}
