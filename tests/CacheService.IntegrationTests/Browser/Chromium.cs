using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Browser;

/// <summary>A real browser that shows one page, and shows it to nobody.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private readonly string _profile;
    private readonly Process _process;

    private Chromium(string profile, Process process) => (_profile, _process) = (profile, process);

    public bool HasExited => _process.HasExited;

    /// <summary>Opens a page; where there is no browser, the calling test is ignored, and says so.</summary>
    public static async Task<Chromium> RequireAsync(Uri page)
    {
        var program = await InstalledProgram.RequireAsync("events are NOT tested with a browser's EventSource", "chromium", "chromium-browser", "google-chrome");
        var profile = Directory.CreateTempSubdirectory("chromium-").FullName;

        // Without its sandbox, because root may not have one, and the page is our own. Shared memory is small in containers.
        var start = new ProcessStartInfo(
            program,
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server", "--disable-background-networking", $"--user-data-dir={profile}", page.AbsoluteUri])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new Chromium(profile, process);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        await Wait.UntilAsync(TryDelete, RunningService.Patience, "the browser has let go of its profile");
    }

    private bool TryDelete()
    {
        try
        {
            Directory.Delete(_profile, recursive: true);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
