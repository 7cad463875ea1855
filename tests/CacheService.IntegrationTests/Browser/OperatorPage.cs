using System.Collections.Concurrent;
using CacheService.IntegrationTests.Infrastructure;
using PuppeteerSharp;

namespace CacheService.IntegrationTests.Browser;

/// <summary>The operator's page, open in a browser. Fails its test if the page has written an error to its console, or has asked another host for something.</summary>
internal sealed class OperatorPage : IAsyncDisposable
{
    // What the browser itself says of an answer that is none, or an error.
    private const string FailedLoad = "Failed to load resource";

    private readonly ConcurrentQueue<string> _errors = new();
    private readonly ConcurrentQueue<IRequest> _requests = new();
    private readonly Uri _address;

    private OperatorPage(IPage page, Uri address)
    {
        (Page, _address) = (page, address);
        page.Console += (_, said) =>
        {
            if (said.Message.Type is ConsoleType.Error or ConsoleType.Warning)
            {
                _errors.Enqueue(said.Message.Text);
            }
        };
        page.PageError += (_, error) => _errors.Enqueue(error.Message);
        page.Request += (_, sent) => _requests.Enqueue(sent.Request);
    }

    public IPage Page { get; }

    /// <summary>Whether the test has calls of the page fail.</summary>
    public bool ExpectsFailedCalls { get; set; }

    /// <summary>The paths that it has asked for, with their queries.</summary>
    public IReadOnlyList<string> Requested => [.. _requests.Select(request => new Uri(request.Url).PathAndQuery)];

    /// <summary>Opens it.</summary>
    /// <param name="address">Where the service is, by HTTP.</param>
    /// <param name="prepare">What is done to the browser's page before.</param>
    public static async Task<OperatorPage> OpenAsync(Uri address, Func<IPage, Task>? prepare = null)
    {
        var page = new OperatorPage(await Chromium.OpenPageAsync(), address);
        if (prepare is not null)
        {
            await prepare(page.Page);
        }

        await page.Page.GoToAsync(address.AbsoluteUri, WaitUntilNavigation.Load);
        return page;
    }

    /// <summary>Opens it, and waits until it is LIVE and shows counts.</summary>
    public static async Task<OperatorPage> OpenLiveAsync(RunningService service)
    {
        var page = await OpenAsync(service.HttpAddress);
        await page.WaitForStateAsync("LIVE");
        await page.UntilAsync("document.querySelectorAll('#top tbody tr .said:not(:empty)').length > 0", "the table has rows with texts");
        return page;
    }

    /// <summary>What an expression says.</summary>
    public Task<T> AskAsync<T>(string expression) => Page.EvaluateExpressionAsync<T>(expression);

    /// <summary>Waits until an expression is true.</summary>
    public Task UntilAsync(string expression, string what) => Wait.UntilAsync(() => AskAsync<bool>(expression), RunningService.Patience, what);

    /// <summary>The text of an element.</summary>
    public Task<string> TextAsync(string selector) => Page.EvaluateFunctionAsync<string>("selector => document.querySelector(selector)?.textContent ?? ''", selector);

    /// <summary>Waits until the text of an element has something in it.</summary>
    public async Task<string> TextAsync(string selector, string with)
    {
        var text = "";
        try
        {
            await Wait.UntilAsync(async () => (text = await TextAsync(selector)).Contains(with, StringComparison.Ordinal), RunningService.Patience, $"{selector} says '{with}'");
        }
        catch (TimeoutException)
        {
            Assert.Fail($"{selector} was to say '{with}'; it says '{text}', and {await TextAsync("#masthead")} {await AskAsync<string>("document.visibilityState")} {string.Join(" ", Requested.TakeLast(5))}");
        }

        return text;
    }

    public Task WaitForStateAsync(string state) => TextAsync("#state", state);

    /// <summary>The messages of the table, from the top.</summary>
    public Task<long[]> OrderAsync() => AskAsync<long[]>("[...document.querySelectorAll('#top tbody tr')].map(row => Number(row.dataset.id))");

    /// <summary>What the table has in the row of a message: retweets, likes, total.</summary>
    public Task<string[]> CountsAsync(long messageId) =>
        Page.EvaluateFunctionAsync<string[]>("id => [...(document.querySelector(`#top tr[data-id=\"${id}\"]`)?.querySelectorAll('td.count') ?? [])].map(cell => cell.textContent)", $"{messageId}");

    /// <summary>Waits until the table has these counts of a message.</summary>
    public Task WaitForCountsAsync(long messageId, params string[] counts) =>
        Wait.UntilAsync(async () => (await CountsAsync(messageId)).SequenceEqual(counts), RunningService.Patience, $"the table has {string.Join(", ", counts)} for message {messageId}");

    public async ValueTask DisposeAsync()
    {
        await Page.BrowserContext.CloseAsync();
        Assert.That(_errors.Where(error => !ExpectsFailedCalls || !error.StartsWith(FailedLoad, StringComparison.Ordinal)), Is.Empty, "errors in the page's console");
        Assert.That(_requests.Select(request => new Uri(request.Url).Authority).Distinct(), Is.EqualTo(new[] { _address.Authority }), "hosts that the page has asked");
    }
}
