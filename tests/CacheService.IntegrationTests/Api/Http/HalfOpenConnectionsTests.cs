using System.Globalization;
using System.Net;
using System.Net.Sockets;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>Requests that never end, by the thousand: an error for who sends them, and nothing for the others.</summary>
// Beside other fixtures: it waits half a minute, until a service of its own gives them up.
[Parallelizable(ParallelScope.Self)]
internal sealed class HalfOpenConnectionsTests
{
    [Test]
    public async Task Connections_ThatNeverEndARequest_AreGivenUpAndDelayNobody()
    {
        const int Most = 10_000;

        // As many as this process may open, of which the service, a process of its own, has as many again.
        var count = Math.Min(Most, (await OpenFilesAsync()) - 2_000);
        var port = LoopbackPort.ChooseNew();
        await using var database = await TestDatabase.CreateAsync();
        await using var service = ServiceProcess.Start($"--ConnectionStrings:Postgres={database.ConnectionString}", $"--Kestrel:Endpoints:Http:Url=http://127.0.0.1:{port}");
        using var http = new HttpClient { Timeout = RunningService.Patience };
        await Wait.UntilAsync(AnswersAsync, RunningService.Patience, "the service answers");
        var connections = new List<TcpClient>();
        try
        {
            while (connections.Count < count)
            {
                var connection = new TcpClient();
                connections.Add(connection);
                await connection.ConnectAsync(IPAddress.Loopback, port);
                await connection.GetStream().WriteAsync("GET /v1/sta"u8.ToArray());
            }

            var (calls, slowest) = (0, TimeSpan.Zero);
            for (; calls < 200; calls++)
            {
                var start = System.Diagnostics.Stopwatch.GetTimestamp();
                using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/v1/status"));
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                var took = System.Diagnostics.Stopwatch.GetElapsedTime(start);
                slowest = took > slowest ? took : slowest;
            }

            var ends = await Task.WhenAll(connections.Select(connection => connection.GetStream().ReadToEndAsync()));
            await TestContext.Progress.WriteLineAsync($"{count} half-open connections; {calls} others were served meanwhile, the slowest in {slowest.TotalMilliseconds:F0} ms; {ends.Count(end => end.StartsWith("HTTP/1.1 408", StringComparison.Ordinal))} were told 408");
            Assert.That(ends, Is.All.StartsWith("HTTP/1.1 408 "));
            Assert.That(service.HasExited, Is.False);
        }
        finally
        {
            connections.ForEach(connection => connection.Dispose());
        }

        async Task<bool> AnswersAsync()
        {
            try
            {
                using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/health"));
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
    }

    private static async Task<int> OpenFilesAsync()
    {
        var limits = File.Exists("/proc/self/limits") ? await File.ReadAllLinesAsync("/proc/self/limits") : [];
        var line = limits.FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal));
        return line is not null && int.TryParse(line["Max open files".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture, out var most) ? most : 4_000;
    }
}
