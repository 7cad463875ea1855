using CacheService.IntegrationTests.Infrastructure;
using PuppeteerSharp;

namespace CacheService.IntegrationTests.Browser;

/// <summary>A real browser, which shows its pages to nobody. All tests of a run share it; each page has a session of its own.</summary>
internal static class Chromium
{
    private static readonly SemaphoreSlim Starting = new(1);

    private static IBrowser? _browser;

    /// <summary>A page of a session of its own; where there is no browser, the calling test is ignored, and says so.</summary>
    /// <param name="address">What it shows; null: nothing yet.</param>
    public static async Task<IPage> OpenPageAsync(Uri? address = null)
    {
        var context = await (await RequireAsync()).CreateBrowserContextAsync();
        var page = await context.NewPageAsync();
        if (address is not null)
        {
            await page.GoToAsync(address.AbsoluteUri);
        }

        return page;
    }

    /// <summary>Ends the browser, if there is one.</summary>
    public static async Task StopAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }
    }

    private static async Task<IBrowser> RequireAsync()
    {
        await Starting.WaitAsync();
        try
        {
            return _browser ??= await StartAsync();
        }
        finally
        {
            Starting.Release();
        }
    }

    private static async Task<IBrowser> StartAsync()
    {
        var program = await InstalledProgram.RequireAsync("the page and events are NOT tested with a browser", "chromium", "chromium-browser", "google-chrome");
        return await Puppeteer.LaunchAsync(new LaunchOptions
        {
            ExecutablePath = program,
            Headless = true,
            // Without its sandbox, because root may not have one, and the pages are our own. Shared memory is small in containers.
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server", "--disable-background-networking"],
        });
    }
}
