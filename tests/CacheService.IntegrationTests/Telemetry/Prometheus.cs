using System.Diagnostics;
using System.Text.Json;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>A real Prometheus, which scrapes one service every two seconds and has the alert rules.</summary>
internal sealed class Prometheus : IAsyncDisposable
{
    /// <summary>On a slow machine a scrape takes long, and one that takes too long leaves a hole in all series.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private static readonly string[] Places = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("prometheus-");
    private readonly HttpClient _http;
    private Process? _process;

    private Prometheus(int port) => _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

    /// <summary>Starts one; where there is none to start, the calling test is ignored, and says so.</summary>
    public static async Task<Prometheus> RequireAsync(Uri service)
    {
        var program = Require("prometheus");
        var port = LoopbackPort.ChooseNew();
        var prometheus = new Prometheus(port);
        var configuration = Path.Combine(prometheus._folder.FullName, "prometheus.yml");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            global: { scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s }
            rule_files: ["{{Deployed.Alerts}}"]
            scrape_configs:
              - job_name: counts
                static_configs: [{ targets: ["{{service.Authority}}"] }]

            """);
        prometheus._process = Process.Start(new ProcessStartInfo(
            program,
            [$"--config.file={configuration}", $"--storage.tsdb.path={Path.Combine(prometheus._folder.FullName, "data")}", $"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
        {
            WorkingDirectory = prometheus._folder.FullName,
        });
        await Wait.UntilAsync(async () => (await prometheus.QueryAsync("up == 1")).Count == 1, Patience, "Prometheus scrapes the service");
        return prometheus;
    }

    /// <summary>The path of a program of Prometheus; where it is missing, the calling test is ignored, and says so.</summary>
    public static string Require(string program)
    {
        if (Places.Select(place => Path.Combine(place, program)).FirstOrDefault(File.Exists) is { } path)
        {
            return path;
        }

        var missing = $"There is no {program} (Debian, Ubuntu: apt-get install prometheus): board and alerts are NOT tested.";
        TestContext.Progress.WriteLine($"*** SKIPPED: {missing}");
        Assert.Ignore(missing);
        throw new UnreachableException();
    }

    /// <summary>The series that a query returns now.</summary>
    public async Task<IReadOnlyList<string>> QueryAsync(string query)
    {
        Assert.That(_process!.HasExited, Is.False, "Prometheus runs");
        try
        {
            using var response = await _http.GetAsync(new Uri($"/api/v1/query?query={Uri.EscapeDataString(query)}", UriKind.Relative));
            if (response.StatusCode == System.Net.HttpStatusCode.ServiceUnavailable)
            {
                return [];
            }

            using var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
            Assert.That(answer.RootElement.GetProperty("status").GetString(), Is.EqualTo("success"), $"{query}: {answer.RootElement}");
            return [.. answer.RootElement.GetProperty("data").GetProperty("result").EnumerateArray().Select(series => series.ToString())];
        }
        catch (HttpRequestException)
        {
            // It has only just been started.
            return [];
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        _http.Dispose();
        _folder.Delete(recursive: true);
    }
}
